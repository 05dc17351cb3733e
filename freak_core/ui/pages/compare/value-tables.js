// What differs between the runs: the values of their states, and their final metrics, side by side.

import { dark } from "../dashboard/lib/theme.js";
import { parse } from "../dashboard/lib/json.js";
import { watchVisibility } from "../dashboard/lib/visibility.js";
import { call } from "../dashboard/live/api.js";
import { html, signal, useEffect, useRef, useState } from "../dashboard/vendor.js";
import { byId } from "../runs/listing.js";
import { colour } from "./run-colours.js";
import { differing, metricsOf, metricText, valueText } from "./run-columns.js";
import { hidden } from "./settings.js";

/**
 * @import { ComparedRun } from "./overlay.js"
 * @import { RunColumn } from "./run-columns.js"
 */

const columns = signal(/** @type {RunColumn[] | null} */ (null));
const failure = signal("");

/**
 * Return the column of a run with every part: one that cannot be read has an id only.
 * @param {Partial<RunColumn> & {id: string}} told
 * @returns {RunColumn}
 */
const complete = (told) => ({ values: {}, at_start: {}, metrics: {}, ...told });

/** @param {string[]} ids */
async function load(ids) {
  try {
    const response = await call(`compare?${new URLSearchParams({ runs: ids.join(",") })}`);
    const answer = parse(await response.text());
    if (response.ok) columns.value = answer.map(complete);
    failure.value = response.ok ? "" : answer.detail ?? response.statusText;
  } catch {
    failure.value = "freak ui does not answer";
  }
}

/** @param {{title: string, names: string[], shown: RunColumn[], runs: ComparedRun[], cell: (column: RunColumn, name: string) => string, none: string}} props */
function Table({ title, names, shown, runs, cell, none }) {
  const id = `compare-${title.toLowerCase().replaceAll(/\W+/g, "-")}`;
  /** @param {RunColumn} column */
  const run = ({ id: wanted }) => runs.find((each) => each.id === wanted);
  return html`<section aria-labelledby=${id}><h2 id=${id}>${title}</h2>
    ${names.length ? html`<div class="table-scroll" tabindex="0" role="region" aria-labelledby=${id}><table class="side-by-side">
      <thead><tr><th scope="col">Name</th>${shown.map((column) => html`<th scope="col" key=${column.id}>
        <i class="swatch" style=${{ background: colour(run(column)?.number ?? 0, dark.value) }}></i>${run(column)?.name}</th>`)}</tr></thead>
      <tbody>${names.map((name) => html`<tr key=${name}><th scope="row">${name}</th>
        ${shown.map((column) => html`<td key=${column.id} class=${cell(column, name).includes(" → ") ? "changed" : ""}>${cell(column, name)}</td>`)}</tr>`)}</tbody>
    </table></div>` : html`<p class="hint">${none}</p>`}
  </section>`;
}

/** @param {{runs: ComparedRun[]}} props */
export function ValueTables({ runs }) {
  const ids = runs.map(({ id }) => id);
  const progress = ids.map((id) => `${id} ${byId.value.get(id)?.requests} ${byId.value.get(id)?.alive}`).join(); // then values have changed
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [seen, setSeen] = useState(false); // the curves come first: the tables may be far below
  useEffect(() => (place.current && !seen ? watchVisibility(place.current, (visible) => { if (visible) setSeen(true); }) : undefined), [seen]);
  useEffect(() => { if (seen) load(ids); }, [progress, seen]);
  if (failure.value) return html`<section><p class="bad" role="alert">${failure.value}</p></section>`;
  if (columns.value === null) return html`<section ref=${place}><p class="hint">Loading the values…</p></section>`;
  const shown = columns.value.filter(({ id }) => ids.includes(id) && !hidden.value.has(id));
  return html`
    <${Table} title="Final metrics" names=${metricsOf(shown)} shown=${shown} runs=${runs} cell=${metricText} none="No metric has been logged." />
    <${Table} title="Values that differ or were changed" names=${differing(shown)} shown=${shown} runs=${runs} cell=${valueText} none="All values are the same, and none was changed." />`;
}
