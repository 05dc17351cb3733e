// The settings of all charts: filter, smoothing, axes, zoom, export.

import { html } from "../vendor.js";
import { AXES } from "./axis.js";
import { downloadCsv } from "./csv-export.js";
import { axis, chooseAxis, filter, filterError, logarithmic, smoothing } from "./settings.js";
import { zoom } from "./zoom.js";

/** @param {{shown: string[]}} props names of the metrics that are shown */
export function Buttons({ shown }) {
  return html`<div class="charts-buttons">
    <button type="button" disabled=${!zoom.value} onClick=${() => { zoom.value = null; }}>Reset zoom</button>
    <button type="button" disabled=${!shown.length} title="Download the points of all charts on the page" onClick=${() => downloadCsv(shown)}>Export CSV</button>
  </div>`;
}

/** @param {{shown: string[], all: number}} props `all`: the number of metrics */
export function Toolbar({ shown, all }) {
  const error = filterError.value;
  return html`<div class="toolbar" role="group" aria-label="Charts">
    <label class="filter">Filter
      <input type="search" placeholder="regular expression" spellcheck="false" autocomplete="off" value=${filter.value}
        aria-invalid=${error !== null} aria-describedby=${error === null ? null : "filter-error"} onInput=${(event) => { filter.value = event.target.value; }} />
    </label>
    <label class="slider">Smoothing
      <span><input type="range" min="0" max="0.99" step="0.01" value=${smoothing.value}
        onInput=${(event) => { smoothing.value = Number(event.target.value); }} /><span class="number" aria-hidden="true">${smoothing.value.toFixed(2)}</span></span>
    </label>
    <label>Horizontal axis
      <select value=${axis.value} onChange=${(event) => chooseAxis(event.target.value)}>
        ${Object.entries(AXES).map(([name, text]) => html`<option key=${name} value=${name} selected=${name === axis.value}>${text}</option>`)}
      </select>
    </label>
    <label class="check"><input type="checkbox" checked=${logarithmic.value} onChange=${(event) => { logarithmic.value = event.target.checked; }} /> Log scale</label>
    ${error !== null && html`<p class="bad" id="filter-error" role="alert">${error}</p>`}
    ${error === null && filter.value && html`<p class="count">${shown.length} of ${all} metrics</p>`}
  </div>`;
}
