// A control for a union: which of its types, and the control of that type.

import { isNumber, Unparsed } from "../lib/json.js";
import { html, useRef } from "../vendor.js";
import { controlFor } from "./field.js";
import { initial } from "./initial-value.js";
import { describe, variantName, variantOf } from "./schema-kinds.js";

/**
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Binding } from "./binding.js"
 * @import { ControlProps } from "./field.js"
 */

/** @param {{name: string, binding: Binding, variants: Schema[], index: number}} props `index`: of the chosen variant, -1 for none */
export function VariantChoice({ name, binding, variants, index }) {
  const { root, live, value } = binding;
  /** @param {{currentTarget: HTMLSelectElement}} event */
  const onChange = ({ currentTarget }) => {
    const chosen = Number(currentTarget.value);
    if (variantOf(live, variants, root) === chosen) binding.set(live);
    else if (describe(variants[chosen], root).kind === "text" && isNumber(value)) binding.set(String(value));
    else binding.set(initial(variants[chosen], root));
  };
  return html`<select class="variant" aria-label="kind of ${name}" value=${String(index)} onChange=${onChange}>
    ${index < 0 && html`<option value="-1" disabled>choose</option>`}
    ${variants.map((each, i) => html`<option key=${i} value=${String(i)}>${variantName(each, root)}</option>`)}
  </select>`;
}

/**
 * A union of types with one control each, in a line.
 * @param {ControlProps} props
 */
export function UnionControl({ name, binding, described: { variants }, attributes }) {
  const last = useRef(-1);
  const { value, root } = binding;
  const found = value instanceof Unparsed ? last.current : variantOf(value, variants, root);
  const index = found < 0 && value === null ? last.current : found;
  last.current = index;
  const choice = html`<${VariantChoice} name=${name} binding=${binding} variants=${variants} index=${index} />`;
  if (index < 0) return choice;
  const variant = describe(variants[index], root);
  return html`
    ${choice}
    <${controlFor(variant.kind)} name=${name} binding=${{ ...binding, raw: variants[index] }} described=${variant} attributes=${attributes} />`;
}
