// Controls for yes or no, for one of several values, and for a value that cannot be changed.

import { same } from "../lib/json.js";
import { html } from "../vendor.js";
import { valueText } from "./value-text.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { ControlProps } from "./field.js"
 */

/**
 * One of the schema's `enum`, or of `options`. If the schema allows null, "none" is one of them.
 * @param {ControlProps & {options?: Json[]}} props
 */
export function ChoiceControl({ binding, described: { schema, nullable }, options = schema.enum ?? [], attributes }) {
  const all = nullable && !options.includes(null) ? [null, ...options] : options;
  const chosen = all.findIndex((each) => same(each, binding.value));
  return html`<select ...${attributes} value=${String(chosen)} onChange=${(event) => binding.set(all[Number(event.currentTarget.value)])}>
    ${chosen < 0 && html`<option value="-1" disabled>${valueText(binding.value)}</option>`}
    ${all.map((each, i) => html`<option key=${i} value=${String(i)}>${valueText(each)}</option>`)}
  </select>`;
}

/** @param {ControlProps} props */
export function ToggleControl({ name, binding, described, attributes }) {
  if (described.nullable || typeof binding.value !== "boolean") {
    return html`<${ChoiceControl} ...${{ name, binding, described, attributes }} options=${[true, false]} />`;
  }
  return html`<input ...${attributes} type="checkbox" role="switch" checked=${binding.value} onChange=${(event) => binding.set(event.currentTarget.checked)} />
    <span class="unit" aria-hidden="true">${binding.value ? "on" : "off"}</span>`;
}

/** @param {ControlProps} props */
export function ReadOnlyValue({ binding, attributes }) {
  return html`<output ...${attributes}>${valueText(binding.value)}</output>`;
}
