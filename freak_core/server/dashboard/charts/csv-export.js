// Downloads charts as CSV files: every point of the part that is shown, as it was logged.

import { csv } from "../lib/csv.js";
import { get } from "../live/api.js";
import { metrics, namesByRequest, seriesRoute } from "../live/metric-history.js";
import { facts } from "../live/run.js";
import { axisOf } from "./axis.js";
import { axis as chosenAxis } from "./settings.js";
import { shownRange } from "./zoom.js";

/**
 * @import { Row } from "../lib/csv.js"
 * @import { Range } from "../live/metric-history.js"
 */

/** Points in one file. A metric that has more than its share is thinned. */
const MOST_POINTS = 1_000_000;
/** A million points take long to send. */
const ANSWER_WITHIN_MS = 300_000;

/** @param {number} value */
const orNull = (value) => (Number.isNaN(value) ? null : value);

/**
 * Return the points that this page knows.
 * @param {string} name
 * @param {Range | null} range
 */
function knownRows(name, range) {
  const points = metrics.get(name)?.points;
  if (!points) return [];
  const { steps, times, values } = range ? points.where((step, time) => inRange(range.axis === "step" ? step : time, range)) : points;
  return steps.map((step, i) => /** @type {Row} */ ([orNull(step), times[i], orNull(values[i])]));
}

/**
 * @param {number} place
 * @param {Range} range
 */
const inRange = (place, { since, until }) => place > since && place <= until;

/**
 * Return the metrics' names by the range that their charts show, which is null for everything.
 * @param {string[]} names
 */
function namesByRange(names) {
  /** @type {Map<string, {range: Range | null, names: string[]}>} */
  const found = new Map();
  for (const name of names) {
    const points = metrics.get(name)?.points;
    const range = points ? shownRange(axisOf(points, chosenAxis.value)) : null;
    const key = JSON.stringify(range);
    found.set(key, { range, names: [...(found.get(key)?.names ?? []), name] });
  }
  return found.values();
}

/**
 * Return the points of the shown part by name: the server's, or those of this page if the server does not answer.
 * @param {string[]} names
 */
async function rowsByName(names) {
  /** @type {Record<string, Row[]>} */
  const found = {};
  const atMost = Math.max(1000, Math.min(100_000, Math.floor(MOST_POINTS / names.length)));
  const requests = [...namesByRange(names)].flatMap(({ range, names: alike }) => namesByRequest(alike).map((list) => ({ range, list })));
  for (const { range, list } of requests) {
    try {
      Object.assign(found, await get(seriesRoute(list, range, atMost), { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }));
    } catch {
      for (const name of list) found[name] = knownRows(name, range);
    }
  }
  return Object.fromEntries(names.filter((name) => name in found).map((name) => [name, found[name]]));
}

/**
 * Download metrics as one file.
 * @param {string[]} names
 */
export async function downloadCsv(names) {
  const text = csv(await rowsByName(names));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const what = names.length === 1 ? names[0] : "metrics";
  link.download = `${facts.value.name ?? "freak"}-${what}.csv`.replace(/[^\w.-]+/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
