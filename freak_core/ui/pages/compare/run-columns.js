// The columns of the tables that compare runs: the values and the newest metrics of each run as texts.

import { brief, short } from "../dashboard/lib/format.js";
import { same } from "../dashboard/lib/json.js";

/** @import { Json } from "../dashboard/lib/json.js" */

/**
 * What `GET /compare` says of a run: the values of its state now and at the start by path, the newest of each metric.
 * @typedef {{id: string, values: Record<string, Json>, at_start: Record<string, Json>, metrics: Record<string, Json>}} RunColumn
 */

const byName = new Intl.Collator("en", { numeric: true });

/**
 * Return a value of a run as a text: old → new if it has changed since the start.
 * @param {RunColumn} column
 * @param {string} path
 */
export function valueText({ values, at_start: before }, path) {
  if (!Object.hasOwn(values, path)) return "–";
  const changed = Object.hasOwn(before, path) && !same(before[path], values[path]);
  return changed ? `${brief(before[path])} → ${brief(values[path])}` : brief(values[path]);
}

/**
 * Return the paths of the values that differ between runs, or have changed in one.
 * @param {RunColumn[]} all
 */
export function differing(all) {
  const paths = new Set(all.flatMap(({ values }) => Object.keys(values)));
  return [...paths].sort(byName.compare).filter((path) => {
    const texts = all.map((column) => valueText(column, path));
    return new Set(texts).size > 1 || texts[0].includes(" → ");
  });
}

/**
 * Return the names of the metrics of all runs.
 * @param {RunColumn[]} all
 */
export const metricsOf = (all) => [...new Set(all.flatMap(({ metrics }) => Object.keys(metrics)))].sort(byName.compare);

/**
 * Return the newest value of a metric as a text.
 * @param {RunColumn} column
 * @param {string} name
 */
export const metricText = ({ metrics }, name) => (Object.hasOwn(metrics, name) ? short(metrics[name] === null ? NaN : Number(metrics[name])) : "–");
