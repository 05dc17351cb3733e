// Yes or no, one of several, and what is always the same.

import { same } from "../lib/json.js";
import { brief } from "./merge-patch.js";
import { html } from "../vendor.js";

const said = (value) => brief(value, JSON.stringify);

/** One of several values; "none" is one where the schema allows null. */
export function ChoiceControl({ place, options, described: { nullable }, attributes }) {
  const all = nullable && !options.includes(null) ? [null, ...options] : options;
  const at = all.findIndex((each) => same(each, place.value));
  const onChange = ({ currentTarget: { value } }) => place.set(all[Number(value)]);
  return html`<select ...${attributes} value=${String(at)} onChange=${onChange}>
    ${at < 0 && html`<option value="-1" disabled>${said(place.value)}</option>`}
    ${all.map((each, i) => html`<option key=${i} value=${String(i)}>${said(each)}</option>`)}
  </select>`;
}

export function ToggleControl({ place, described, attributes }) {
  if (described.nullable || typeof place.value !== "boolean") {
    return html`<${ChoiceControl} place=${place} options=${[true, false]} described=${described} attributes=${attributes} />`;
  }
  return html`<input ...${attributes} type="checkbox" role="switch" checked=${place.value} onChange=${({ currentTarget }) => place.set(currentTarget.checked)} />
    <span class="unit" aria-hidden="true">${place.value ? "on" : "off"}</span>`;
}

/** What can be read and not set. */
export function Fixed({ place, attributes }) {
  return html`<output ...${attributes}>${brief(place.value, (value) => JSON.stringify(value))}</output>`;
}
