// One of several types: which, and a control for it.

import { CONTROLS } from "./field.js";
import { isNumber, Unparsed } from "../lib/json.js";
import { describe, initial, nameOf, variantOf } from "./schema-kinds.js";
import { html, useRef } from "../vendor.js";

export function VariantChoice({ name, place, variants, at }) {
  const onChange = ({ currentTarget: { value } }) => {
    const chosen = variants[Number(value)];
    const { kind } = describe(chosen, place.root);
    place.set(variantOf(place.live, variants, place.root) === Number(value) ? place.live
      : kind === "text" && isNumber(place.value) ? String(place.value) : initial(chosen, place.root));
  };
  return html`<select class="variant" aria-label="kind of ${name}" value=${String(at)} onChange=${onChange}>
    ${at < 0 && html`<option value="-1" disabled>choose</option>`}
    ${variants.map((each, i) => html`<option key=${i} value=${String(i)}>${nameOf(each, place.root)}</option>`)}
  </select>`;
}

/** A union of simple types, in one line. */
export function UnionControl({ name, place, described: { variants }, attributes }) {
  const last = useRef(-1);
  const found = place.value instanceof Unparsed ? last.current : variantOf(place.value, variants, place.root);
  const at = found < 0 && place.value === null ? last.current : found;
  last.current = at;
  if (at < 0) {
    return html`<${VariantChoice} name=${name} place=${place} variants=${variants} at=${at} />`;
  }
  const variant = describe(variants[at], place.root);
  return html`
    <${VariantChoice} name=${name} place=${place} variants=${variants} at=${at} />
    <${CONTROLS[variant.kind]} name=${name} place=${{ ...place, raw: variants[at] }} described=${variant} attributes=${attributes} />`;
}
