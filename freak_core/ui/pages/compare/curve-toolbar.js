// The settings of all curves: filter, smoothing, axes, zoom.

import { filter, filterError, logarithmic, smoothing } from "../dashboard/charts/settings.js";
import { html } from "../dashboard/vendor.js";
import { axis, AXES, chooseAxis, zoom } from "./settings.js";

/** @import { CompareAxis } from "./settings.js" */

/** @param {{shown: number, all: number, hasEpochs: boolean}} props numbers of metrics; whether a run tells its epochs */
export function CurveToolbar({ shown, all, hasEpochs }) {
  const error = filterError.value;
  const axes = /** @type {[CompareAxis, string][]} */ (Object.entries(AXES));
  return html`<div class="toolbar" role="group" aria-label="Charts">
    <label class="filter">Filter metrics
      <input type="search" placeholder="regular expression" spellcheck="false" autocomplete="off" value=${filter.value}
        aria-invalid=${error !== null} aria-describedby=${error === null ? null : "filter-error"} onInput=${(event) => { filter.value = event.target.value; }} />
    </label>
    <label class="slider">Smoothing
      <span><input type="range" min="0" max="0.99" step="0.01" value=${smoothing.value}
        onInput=${(event) => { smoothing.value = Number(event.target.value); }} /><span class="number" aria-hidden="true">${smoothing.value.toFixed(2)}</span></span>
    </label>
    <label>Horizontal axis
      <select value=${axis.value} onChange=${(event) => chooseAxis(event.target.value)}>
        ${axes.map(([name, text]) => html`<option key=${name} value=${name} selected=${name === axis.value} disabled=${name === "epoch" && !hasEpochs}>${text}</option>`)}
      </select>
    </label>
    <label class="check"><input type="checkbox" checked=${logarithmic.value} onChange=${(event) => { logarithmic.value = event.target.checked; }} /> Log scale</label>
    <button type="button" disabled=${!zoom.value} onClick=${() => { zoom.value = null; }}>Reset zoom</button>
    ${error !== null && html`<p class="bad" id="filter-error" role="alert">${error}</p>`}
    ${error === null && filter.value && html`<p class="count">${shown} of ${all} metrics</p>`}
  </div>`;
}
