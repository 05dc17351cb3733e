// One field of a form: its name, its control, what is to be said about it.

import { ChoiceControl, Fixed, ToggleControl } from "./choice-control.js";
import { Group } from "./group.js";
import { JsonControl } from "./json-control.js";
import { ariaOf, hintOf, Marks } from "./field-messages.js";
import { boundsOf, NumberControl } from "./number-control.js";
import { DecimalControl, SecretControl, TextControl } from "./text-control.js";
import { UnionControl } from "./union-control.js";
import { Unparsed } from "../lib/json.js";
import { describe, fits, initial, MASK } from "./schema-kinds.js";
import { idOf } from "./binding.js";
import { GONE } from "./merge-patch.js";
import { Component, html } from "../vendor.js";

const GROUPS = ["object", "mapping", "items", "tuple"];
const DEEPEST = 12;

const Choice = (props) => html`<${ChoiceControl} ...${props} options=${props.described.schema.enum} />`;
export const CONTROLS = {
  number: NumberControl, decimal: DecimalControl, text: TextControl, secret: SecretControl, toggle: ToggleControl,
  choice: Choice, union: UnionControl, const: Fixed, json: JsonControl,
};

/** Whether a schema needs a group of fields, not one control. */
export function isGroup(described, root) {
  return GROUPS.includes(described.kind)
    || (described.kind === "union" && described.variants.some((each) => isGroup(describe(each, root), root)));
}

function controlOf(place, described) {
  const { kind } = described;
  if (kind === "text" && place.live === MASK) return "secret";
  return place.value instanceof Unparsed || fits(place.value, described, place.root) ? kind : "json";
}

/** The button that says none; pressed again, what was there or something to start from. */
export function NoneButton({ place, name }) {
  const none = place.value === null;
  const onClick = () => place.set(!none ? null : place.live ?? initial(place.raw, place.root));
  return html`<button type="button" class="quiet" aria-pressed=${String(none)} aria-label="${name}: none" onClick=${onClick}>none</button>`;
}

export const RemoveButton = ({ name, onRemove, disabled, title }) => html`
  <button type="button" class="quiet" aria-label="remove ${name}" disabled=${disabled} title=${title} onClick=${onRemove}>remove</button>`;

/** Return a name that may be broken after its underscores. */
export const broken = (name) => name.split(/(?<=[_.])/).map((part, i) => html`${i > 0 && html`<wbr />`}${part}`);

function Row({ name, place, described, remove }) {
  const { schema, nullable } = described;
  const kind = controlOf(place, described);
  const hint = [hintOf(place.raw, place.root, name), (kind === "number" || kind === "decimal") && boundsOf(schema), schema.computed && "computed", schema.readOnly && !schema.computed && "fixed"]
    .filter(Boolean).join(" · ");
  const attributes = { id: idOf(place, "field"), ...ariaOf(place, hint, kind === "json") };
  const gone = place.value === GONE;
  const Control = schema.readOnly ? Fixed : CONTROLS[kind];
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || !(place.held ? place.differs : place.entry)) return;
    event.stopPropagation();
    place.drop();
  };
  const open = nullable && !schema.readOnly && !["choice", "toggle", "json"].includes(kind);
  return html`<div class="field ${schema.deprecated ? "deprecated" : ""}" data-at=${place.at} data-state=${place.entry || place.differs ? "staged" : place.sent ? "pending" : undefined} onKeyDown=${onKeyDown}>
    <label for=${attributes.id}>${broken(name)}${schema.deprecated && html` <small>deprecated</small>`}</label>
    <div class="control">
      ${gone ? html`<s>${name}</s>` : html`<${Control} name=${name} place=${place} described=${described} attributes=${attributes} />`}
      ${schema.unit && html`<span class="unit">${schema.unit}</span>`}
      ${open && !gone && html`<${NoneButton} place=${place} name=${name} />`}
      ${remove && !gone && html`<${RemoveButton} name=${name} ...${remove} />`}
    </div>
    ${hint && html`<p class="hint" id=${idOf(place, "hint")}>${hint}</p>`}
    <${Marks} place=${place} name=${name} deep=${kind === "json"} />
  </div>`;
}

/** Shows as JSON what cannot be drawn otherwise. */
class Safe extends Component {
  static getDerivedStateFromError() {
    return { failed: true };
  }

  render({ children, instead }, { failed }) {
    return failed ? instead : children;
  }
}

/** A field, for whatever its schema describes. `remove`: `{onRemove, disabled, title}` where it can be removed. */
export function Field({ name, place, remove, depth = 0 }) {
  const described = describe(place.raw, place.root);
  const { readOnly } = described.schema;
  const asJson = { ...described, kind: "json" };
  const row = (how) => html`<${Row} name=${name} place=${place} described=${how} remove=${remove} />`;
  const grouped = isGroup(described, place.root) && !readOnly && place.value !== GONE && depth < DEEPEST;
  return html`<${Safe} instead=${row(asJson)}>
    ${grouped ? html`<${Group} name=${name} place=${place} described=${described} remove=${remove} depth=${depth} />`
      : row(isGroup(described, place.root) && !readOnly ? asJson : described)}
  <//>`;
}
