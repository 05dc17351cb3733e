// The names of the metrics of some runs.

/** @import { Row } from "./row.js" */

const byName = new Intl.Collator("en", { numeric: true });

/**
 * Return the names of all metrics in order: `a2` before `a10`.
 * @param {Row[]} rows
 */
export function metricNames(rows) {
  const names = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  return [...names].sort(byName.compare);
}

/**
 * Return the metric to show of each run, if the user has chosen none: `loss`, or else the loss that most runs have.
 * @param {Row[]} rows
 */
export function usualMetric(rows) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { metrics } of rows) for (const name of Object.keys(metrics)) counts.set(name, (counts.get(name) ?? 0) + 1);
  /** @param {string} name */
  const rank = (name) => (/loss/i.test(name) ? 1e9 : 0) + (/^(train\/)?loss$/.test(name) ? 1e8 : 0) + (counts.get(name) ?? 0);
  return [...counts.keys()].sort((a, b) => rank(b) - rank(a) || byName.compare(a, b)).at(0) ?? "";
}
