// A group of fields: a nested model, a list, a dict, or a union with one of these.

import { some, Unparsed } from "../lib/json.js";
import { hasButtons } from "../live/run.js";
import { html, useState } from "../vendor.js";
import { child, elementId, withEdits } from "./binding.js";
import { Field, isGroup, NoneButton, RemoveButton } from "./field.js";
import { ariaAttributes, FieldMessages, hasProblemsInside, hintText } from "./field-messages.js";
import { initial } from "./initial-value.js";
import { Entries, Items } from "./items.js";
import { JsonControl } from "./json-control.js";
import { describe, fits, variantOf } from "./schema-kinds.js";
import { VariantChoice } from "./union-control.js";

/**
 * @import { Binding } from "./binding.js"
 * @import { Removal } from "./field.js"
 * @import { Described } from "./schema-kinds.js"
 */

/** @typedef {{name: string, binding: Binding, described: Described, depth: number}} GroupProps */

const MOST_ITEMS = 100; // a longer list is shown as JSON
const OPEN_LEVELS = 3;

/**
 * The fields of an object: the declared ones first, then the others.
 * @param {{binding: Binding, described: Described, depth?: number}} props
 */
export function ObjectFields({ binding, described: { schema }, depth = 0 }) {
  const { properties = {} } = schema;
  return html`
    ${Object.entries(properties).map(([key, raw]) => html`<${Field} key=${key} name=${key} binding=${child(binding, key, raw)} depth=${depth + 1} />`)}
    <${Entries} binding=${binding} schema=${schema} declared=${properties} depth=${depth} />`;
}

/** @param {{name: string, binding: Binding}} props */
function NoValue({ name, binding }) {
  const { value, live, raw, root } = binding;
  return html`<p class="hint">${value === null ? "none" : "not set"}
    <button type="button" class="quiet" aria-label="set ${name}" onClick=${() => binding.set(live ?? initial(raw, root))}>set</button></p>`;
}

/** @param {GroupProps} props */
function UnionContent({ name, binding, described: { variants }, depth }) {
  const { root, value } = binding;
  const index = variantOf(value, variants, root);
  const variant = describe(variants[index], root);
  return html`
    <${VariantChoice} name=${name} binding=${binding} variants=${variants} index=${index} />
    ${isGroup(variant, root) ? html`<${Content} name=${name} binding=${binding} described=${variant} depth=${depth} />`
      : html`<${Field} name=${name} binding=${{ ...binding, raw: variants[index], nested: true }} depth=${depth + 1} />`}`;
}

/**
 * @param {GroupProps} props
 * @returns {object}
 */
function Content(props) {
  const { name, binding, described: { kind, schema }, depth } = props;
  if (binding.value === null || binding.value === undefined) return html`<${NoValue} name=${name} binding=${binding} />`;
  if (kind === "object") return html`<${ObjectFields} ...${props} />`;
  if (kind === "mapping") return html`<${Entries} binding=${binding} schema=${schema} declared=${{}} depth=${depth} />`;
  if (kind === "items" || kind === "tuple") return html`<${Items} name=${name} binding=${binding} schema=${schema} depth=${depth} />`;
  return html`<${UnionContent} ...${props} />`;
}

/**
 * Return whether fields can show a value. If not, it is shown as JSON.
 * @param {Binding} binding
 * @param {Described} described
 */
function hasFields({ value, root }, described) {
  return !(value instanceof Unparsed) && fits(value, described, root) && !(Array.isArray(value) && value.length > MOST_ITEMS);
}

/** @param {GroupProps & {remove?: Removal}} props */
export function Group({ name, binding, described, remove, depth }) {
  const [open, setOpen] = useState(depth <= OPEN_LEVELS && !hasButtons(binding.at));
  const [chosen, setChosen] = useState(false);
  const hint = hintText(binding.raw, binding.root, name);
  const asJson = chosen || !hasFields(binding, described);
  const whole = asJson ? { ...binding, value: withEdits(binding) } : binding;
  const unparsed = some(withEdits(binding), (each) => each instanceof Unparsed);
  const attributes = { id: elementId(binding, "field"), "aria-label": name, ...ariaAttributes(binding, "", true) };
  return html`<details class="group" data-at=${binding.at} data-state=${binding.edit ? "staged" : binding.sent ? "pending" : undefined}
      open=${open || hasProblemsInside(binding)} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary><span class="name">${name}</span>${hint && html`<span class="hint">${hint}</span>`}</summary>
    <div class="fields" role="group" aria-label=${name}>
      <div class="tools">
        ${described.nullable && binding.value !== null && html`<${NoneButton} binding=${binding} name=${name} />`}
        <button type="button" class="quiet" aria-pressed=${String(asJson)} aria-label="${name} as JSON" disabled=${chosen ? unparsed : asJson || unparsed} onClick=${() => setChosen(!chosen)}>JSON</button>
        ${remove && html`<${RemoveButton} name=${name} ...${remove} />`}
      </div>
      ${asJson ? html`<div class="control"><${JsonControl} binding=${whole} attributes=${attributes} /></div>`
        : html`<${Content} name=${name} binding=${binding} described=${described} depth=${depth} />`}
      <${FieldMessages} binding=${binding} name=${name} deep=${asJson} />
    </div>
  </details>`;
}
