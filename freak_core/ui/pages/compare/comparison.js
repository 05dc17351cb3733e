// The page that compares runs: their curves over each other, then values and final metrics side by side.

import { pattern } from "../dashboard/charts/settings.js";
import { html, useEffect, useRef } from "../dashboard/vendor.js";
import { byId, rows } from "../runs/listing.js";
import { metricNames } from "../runs/metric-names.js";
import { CurveAnnouncement, CurveChart } from "./curve-chart.js";
import { CurveToolbar } from "./curve-toolbar.js";
import { refreshLive } from "./curves.js";
import { EPOCH } from "./epochs.js";
import { loadInterventions } from "./interventions.js";
import { Legend } from "./legend.js";
import { colourNumbers } from "./run-colours.js";
import { zoom } from "./settings.js";
import { ValueTables } from "./value-tables.js";

/** @import { ComparedRun } from "./overlay.js" */

const REFRESH_MS = 4000;
/** The numbers of the runs' colours. A run keeps its colour when another one is left out. */
let numbers = /** @type {Map<string, number>} */ (new Map());

/**
 * Return the runs to compare with names that tell them apart, and their colours.
 * @param {string[]} ids
 * @returns {ComparedRun[]}
 */
function comparedRuns(ids) {
  numbers = colourNumbers(ids, numbers);
  const known = ids.flatMap((id) => byId.value.get(id) ?? []);
  /** @param {string} name */
  const isShared = (name) => known.filter((row) => row.name === name).length > 1;
  return known.map(({ id, name }) => ({ id, name: isShared(name) ? `${name} (${id.slice(-6)})` : name, number: numbers.get(id) ?? 0 }));
}

/**
 * Return the same array as long as the runs are the same: then no chart is drawn anew.
 * @param {ComparedRun[]} runs
 */
function useSame(runs) {
  const last = useRef(runs);
  if (JSON.stringify(last.current) !== JSON.stringify(runs)) last.current = runs;
  return last.current;
}

/** @param {{ids: string[]}} props */
export function Comparison({ ids }) {
  const runs = useSame(comparedRuns(ids));
  const known = runs.flatMap(({ id }) => byId.value.get(id) ?? []);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) refreshLive(); }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => () => { zoom.value = null; }, []);
  useEffect(() => { for (const { id, requests } of known) loadInterventions(id, requests); }, [rows.value, runs]);
  if (rows.value === null) return html`<p class="hint">Loading the runs…</p>`;
  const names = metricNames(known);
  const shown = names.filter((name) => pattern.value.test(name));
  const missing = ids.filter((id) => !byId.value.has(id));
  return html`
    ${missing.length > 0 && html`<p class="notice" role="status">Not in this home: ${missing.join(", ")}.</p>`}
    <section class="charts curves" aria-label="Curves">
      <${Legend} runs=${runs} />
      <${CurveToolbar} shown=${shown.length} all=${names.length} hasEpochs=${names.includes(EPOCH)} />
      <p id="curve-keys" hidden>Arrow keys read the values, with Shift they move the shown part; plus and minus zoom, 0 shows everything.</p>
      <${CurveAnnouncement} />
      <div class="charts-grid">${shown.map((name) => html`<${CurveChart} key=${name} name=${name} runs=${runs} />`)}</div>
      ${!names.length && html`<p class="empty">No metric has been logged.</p>`}
      ${names.length > 0 && !shown.length && html`<p class="empty">No metric's name matches the filter.</p>`}
      <p class="hint">Drag to zoom, with Shift to pan. Ctrl and the wheel zoom, too. Double-click to see everything. A triangle marks a request that was applied.</p>
    </section>
    <${ValueTables} runs=${runs} />`;
}
