// Several fields under one name: a nested model, a list, a dict, or one of several of these.

import { Field, isGroup, NoneButton, RemoveButton } from "./field.js";
import { JsonControl } from "./json-control.js";
import { Entries, Items } from "./items.js";
import { ariaOf, hintOf, Marks, troubled } from "./field-messages.js";
import { VariantChoice } from "./union-control.js";
import { some, Unparsed } from "../lib/json.js";
import { describe, fits, initial, variantOf } from "./schema-kinds.js";
import { idOf, inside, whole } from "./binding.js";
import { hasButtons } from "../live/run.js";
import { html, useState } from "../vendor.js";

const LONGEST = 100; // items shown as fields
const OPEN = 3; // levels that are open at first

/** The fields of an object: the declared ones, then the others. */
export function ObjectFields({ place, described: { schema }, depth = 0 }) {
  const declared = Object.entries(schema.properties);
  return html`
    ${declared.map(([key, raw]) => html`<${Field} key=${key} name=${key} place=${inside(place, key, raw)} depth=${depth + 1} />`)}
    <${Entries} place=${place} schema=${schema} known=${schema.properties} depth=${depth} />`;
}

function Content({ name, place, described, depth }) {
  const { kind, schema, variants } = described;
  const { root, value } = place;
  if (value === null || value === undefined) {
    return html`<p class="hint">${value === null ? "none" : "not set"}
      <button type="button" class="quiet" aria-label="set ${name}" onClick=${() => place.set(place.live ?? initial(place.raw, root))}>set</button></p>`;
  }
  if (kind === "object") return html`<${ObjectFields} place=${place} described=${described} depth=${depth} />`;
  if (kind === "mapping") return html`<${Entries} place=${place} schema=${schema} known=${{}} depth=${depth} />`;
  if (kind === "items" || kind === "tuple") return html`<${Items} name=${name} place=${place} schema=${schema} depth=${depth} />`;
  const at = variantOf(value, variants, root);
  const variant = describe(variants[at], root);
  return html`
    <${VariantChoice} name=${name} place=${place} variants=${variants} at=${at} />
    ${isGroup(variant, root) ? html`<${Content} name=${name} place=${place} described=${variant} depth=${depth} />`
      : html`<${Field} name=${name} place=${{ ...place, raw: variants[at], held: true }} depth=${depth + 1} />`}`;
}

function drawable(place, described) {
  const { value, root } = place;
  return !(value instanceof Unparsed) && fits(value, described, root) && !(Array.isArray(value) && value.length > LONGEST);
}

export function Group({ name, place, described, remove, depth }) {
  const [open, setOpen] = useState(depth <= OPEN && !hasButtons(place.at));
  const [text, setText] = useState(false);
  const hint = hintOf(place.raw, place.root, name);
  const json = text || !drawable(place, described);
  const all = json ? { ...place, value: whole(place) } : place;
  const broken = some(whole(place), (each) => each instanceof Unparsed);
  const id = idOf(place, "field");
  return html`<details class="group" data-at=${place.at} data-state=${place.entry ? "staged" : place.sent ? "pending" : undefined}
      open=${open || troubled(place)} onToggle=${({ currentTarget }) => setOpen(currentTarget.open)}>
    <summary><span class="name">${name}</span>${hint && html`<span class="hint">${hint}</span>`}</summary>
    <div class="fields" role="group" aria-label=${name}>
      <div class="tools">
        ${described.nullable && place.value !== null && html`<${NoneButton} place=${place} name=${name} />`}
        <button type="button" class="quiet" aria-pressed=${String(json)} aria-label="${name} as JSON" disabled=${text ? broken : json || broken} onClick=${() => setText(!text)}>JSON</button>
        ${remove && html`<${RemoveButton} name=${name} ...${remove} />`}
      </div>
      ${json ? html`<div class="control"><${JsonControl} place=${all} attributes=${{ id, "aria-label": name, ...ariaOf(place, "", true) }} /></div>`
        : html`<${Content} name=${name} place=${place} described=${described} depth=${depth} />`}
      <${Marks} place=${place} name=${name} deep=${json} />
    </div>
  </details>`;
}
