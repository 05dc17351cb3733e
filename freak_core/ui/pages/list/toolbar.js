// What stands over the list: filter, groups, the metric to show, and the way to compare.

import { html } from "../dashboard/vendor.js";
import { addShortcut } from "../dashboard/page/keyboard.js";
import { rows } from "../runs/listing.js";
import { clear, selected } from "./selection.js";
import { byGroup, chooseMetric, filter, metric, metrics, shownCount } from "./settings.js";

/**
 * Return the link to a comparison of runs.
 * @param {string[]} ids
 */
export const compareLink = (ids) => `#compare=${ids.map(encodeURIComponent).join(",")}`;

function compare() {
  if (selected.value.length > 1) location.hash = compareLink(selected.value);
}

addShortcut("/", "filter the list", () => document.getElementById("run-filter")?.focus());
addShortcut("c", "compare the selected runs", compare);

export function Toolbar() {
  const count = selected.value.length;
  const all = rows.value?.length ?? 0;
  return html`<div class="toolbar" role="group" aria-label="List">
    <label class="filter">Filter
      <input id="run-filter" type="search" placeholder="name, state, host, loss<0.3" spellcheck="false" autocomplete="off" value=${filter.value}
        onInput=${(event) => { filter.value = event.target.value; }} />
    </label>
    <label>Metric
      <select value=${metric.value} disabled=${!metrics.value.length} onChange=${(event) => chooseMetric(event.target.value)}>
        ${metrics.value.map((name) => html`<option key=${name} value=${name} selected=${name === metric.value}>${name}</option>`)}
      </select>
    </label>
    <label class="check"><input type="checkbox" checked=${byGroup.value} onChange=${(event) => { byGroup.value = event.target.checked; }} /> Group by sweep</label>
    <div class="compare-buttons">
      ${count > 0 && html`<button type="button" class="quiet" onClick=${clear}>Clear selection</button>`}
      <button type="button" class="primary" disabled=${count < 2} title=${count < 2 ? "Select two runs or more" : "Curves, changed values and final metrics side by side (c)"} onClick=${compare}>
        Compare${count > 0 && ` ${count} ${count === 1 ? "run" : "runs"}`}</button>
    </div>
    <p class="count" role="status">${filter.value ? `${shownCount.value} of ${all} runs` : `${all} ${all === 1 ? "run" : "runs"}`}</p>
  </div>`;
}
