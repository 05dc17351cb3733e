// Charts as CSV files: every point of the part that is shown, as it was logged.

import { get } from "../live/api.js";
import { axis as chosenAxis } from "./settings.js";
import { rangeOn } from "./zoom.js";
import { axisOf } from "./smoothed-line.js";
import { csv } from "../lib/csv.js";
import { facts } from "../live/run.js";
import { metrics, route, together } from "../live/metric-history.js";

/** Points of all metrics of a file together; each one's share is thinned where it has more. */
const MOST = 1_000_000;
/** So many may take their time. */
const ANSWER_WITHIN_MS = 300_000;

const rangeOf = (name) => rangeOn(axisOf(metrics.get(name).points, chosenAxis.value));

function known(name, range) {
  const { steps, times, values } = metrics.get(name).points;
  const rows = steps.map((step, i) => [Number.isNaN(step) ? null : step, times[i], Number.isNaN(values[i]) ? null : values[i]]);
  const column = range?.axis === "step" ? 0 : 1;
  return range ? rows.filter((row) => row[column] > range.since && row[column] <= range.until) : rows;
}

/** Return rows `[step, time, value]` by name: what the server knows of the part that is shown, else what this page knows. */
async function rows(names) {
  const found = {};
  const atMost = Math.max(1000, Math.min(100_000, Math.floor(MOST / names.length)));
  for (const range of new Set(names.map((name) => JSON.stringify(rangeOf(name))))) {
    const alike = names.filter((name) => JSON.stringify(rangeOf(name)) === range);
    for (const list of together(alike)) {
      try {
        Object.assign(found, await get(route(list, JSON.parse(range), atMost), { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }));
      } catch {
        for (const name of list) found[name] = known(name, JSON.parse(range));
      }
    }
  }
  return Object.fromEntries(names.filter((name) => name in found).map((name) => [name, found[name]]));
}

/** Download metrics by name as one file. */
export async function exported(names) {
  const text = csv(await rows(names));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const what = names.length === 1 ? names[0] : "metrics";
  link.download = `${facts.value.name ?? "freak"}-${what}.csv`.replace(/[^\w.-]+/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
