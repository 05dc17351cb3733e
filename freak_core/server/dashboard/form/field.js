// A field of the form: a name, a control, and messages; or a group of fields.

import { Unparsed } from "../lib/json.js";
import { MASK } from "../live/secret-mask.js";
import { Component, html } from "../vendor.js";
import { elementId } from "./binding.js";
import { ChoiceControl, ReadOnlyValue, ToggleControl } from "./choice-control.js";
import { ariaAttributes, FieldMessages, hintText } from "./field-messages.js";
import { Group } from "./group.js";
import { initial } from "./initial-value.js";
import { JsonControl } from "./json-control.js";
import { REMOVED } from "./merge-patch.js";
import { boundsText, NumberControl } from "./number-control.js";
import { describe, fits } from "./schema-kinds.js";
import { DecimalControl, SecretControl, TextControl } from "./text-control.js";
import { UnionControl } from "./union-control.js";

/**
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Binding } from "./binding.js"
 * @import { Described, Kind } from "./schema-kinds.js"
 */

/**
 * @typedef {{name: string, binding: Binding, described: Described, attributes: object}} ControlProps
 * @typedef {{onRemove: () => void, disabled?: boolean, title?: string}} Removal how a field is removed from a list or a dict
 */

const GROUPS = ["object", "mapping", "items", "tuple"];
const DEEPEST = 12;

/** @type {Partial<Record<Kind, (props: ControlProps) => object>>} */
const CONTROLS = {
  number: NumberControl, decimal: DecimalControl, text: TextControl, secret: SecretControl, toggle: ToggleControl,
  choice: ChoiceControl, union: UnionControl, const: ReadOnlyValue,
};

/**
 * Return the component that shows a kind of values.
 * @param {Kind} kind
 */
export const controlFor = (kind) => CONTROLS[kind] ?? JsonControl;

/**
 * Return whether a schema needs a group of fields, not one control.
 * @param {Described} described
 * @param {Schema} root
 * @returns {boolean}
 */
export function isGroup({ kind, variants }, root) {
  return GROUPS.includes(kind) || (kind === "union" && variants.some((each) => isGroup(describe(each, root), root)));
}

/**
 * Return the kind of control for a value: "json" if no other control can show it.
 * @param {Binding} binding
 * @param {Described} described
 * @returns {Kind}
 */
function controlKind({ live, value, root }, described) {
  if (described.kind === "text" && live === MASK) return "secret";
  return value instanceof Unparsed || fits(value, described, root) ? described.kind : "json";
}

/**
 * The button that sets null. Pressed again, it sets the live value, or a value to start with.
 * @param {{binding: Binding, name: string}} props
 */
export function NoneButton({ binding, name }) {
  const { value, live, raw, root } = binding;
  const onClick = () => binding.set(value !== null ? null : live ?? initial(raw, root));
  return html`<button type="button" class="quiet" aria-pressed=${String(value === null)} aria-label="${name}: none" onClick=${onClick}>none</button>`;
}

/** @param {Removal & {name: string}} props */
export const RemoveButton = ({ name, onRemove, disabled, title }) => html`
  <button type="button" class="quiet" aria-label="remove ${name}" disabled=${disabled} title=${title} onClick=${onRemove}>remove</button>`;

/**
 * Return a name that may wrap after underscores and dots.
 * @param {string} name
 */
const wrapping = (name) => name.split(/(?<=[_.])/).map((part, i) => html`${i > 0 && html`<wbr />`}${part}`);

/**
 * @param {Binding} binding
 * @param {Described} described
 * @param {Kind} kind
 * @param {string} name
 */
const rowHint = ({ raw, root }, { schema }, kind, name) =>
  [
    hintText(raw, root, name),
    (kind === "number" || kind === "decimal") && boundsText(schema),
    schema.computed ? "computed" : schema.readOnly && "fixed",
  ].filter(Boolean).join(" · ");

/** @param {Binding} binding */
const isStaged = ({ edit, differs }) => Boolean(edit || differs);

/** @param {Omit<ControlProps, "attributes"> & {remove?: Removal}} props */
function RowControl({ name, binding, described, remove }) {
  const { schema, nullable } = described;
  const kind = controlKind(binding, described);
  const attributes = { id: elementId(binding, "field"), ...ariaAttributes(binding, rowHint(binding, described, kind, name), kind === "json") };
  const unit = schema.unit && html`<span class="unit">${schema.unit}</span>`;
  if (binding.value === REMOVED) return html`<s>${name}</s>${unit}`;
  const hasNone = nullable && !schema.readOnly && !["choice", "toggle", "json"].includes(kind);
  return html`
    <${schema.readOnly ? ReadOnlyValue : controlFor(kind)} ...${{ name, binding, described, attributes }} />
    ${unit}
    ${hasNone && html`<${NoneButton} binding=${binding} name=${name} />`}
    ${remove && html`<${RemoveButton} name=${name} ...${remove} />`}`;
}

/**
 * A field with one control. Escape drops its edit.
 * @param {Omit<ControlProps, "attributes"> & {remove?: Removal}} props
 */
function Row({ name, binding, described, remove }) {
  const { deprecated } = described.schema;
  const kind = controlKind(binding, described);
  const hint = rowHint(binding, described, kind, name);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || !(binding.nested ? binding.differs : binding.edit)) return;
    event.stopPropagation();
    binding.drop();
  };
  const status = isStaged(binding) ? "staged" : binding.sent ? "pending" : undefined;
  return html`<div class="field ${deprecated ? "deprecated" : ""}" data-at=${binding.at} data-state=${status} onKeyDown=${onKeyDown}>
    <label for=${elementId(binding, "field")}>${wrapping(name)}${deprecated && html` <small>deprecated</small>`}</label>
    <div class="control"><${RowControl} ...${{ name, binding, described, remove }} /></div>
    ${hint && html`<p class="hint" id=${elementId(binding, "hint")}>${hint}</p>`}
    <${FieldMessages} binding=${binding} name=${name} deep=${kind === "json"} />
  </div>`;
}

/** Shows `fallback` if drawing the children fails. */
class FallbackOnError extends Component {
  static getDerivedStateFromError() {
    return { failed: true };
  }

  /**
   * @param {any} props
   * @param {any} state
   */
  render({ children, fallback }, { failed }) {
    return failed ? fallback : children;
  }
}

/**
 * A field for any schema.
 * @param {{name: string, binding: Binding, remove?: Removal, depth?: number}} props
 */
export function Field({ name, binding, remove, depth = 0 }) {
  const described = describe(binding.raw, binding.root);
  const editableGroup = isGroup(described, binding.root) && !described.schema.readOnly;
  /** @type {Described} */
  const asJson = { ...described, kind: "json" };
  /** @param {Described} how */
  const row = (how) => html`<${Row} name=${name} binding=${binding} described=${how} remove=${remove} />`;
  return html`<${FallbackOnError} fallback=${row(asJson)}>
    ${editableGroup && binding.value !== REMOVED && depth < DEEPEST
      ? html`<${Group} name=${name} binding=${binding} described=${described} remove=${remove} depth=${depth} />`
      : row(editableGroup ? asJson : described)}
  <//>`;
}
