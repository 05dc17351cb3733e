// The history of every metric.

import { get } from "./api.js";

/** Points `[step, seconds since the epoch, value]` by the metric's name. */
export const points = new Map();

export async function loadSeries() {
  points.clear();
  for (const [name, history] of Object.entries(await get("series?max_points=2000"))) points.set(name, history);
}

export function takeMetrics({ step, at, values }) {
  for (const [name, value] of Object.entries(values)) {
    if (!points.has(name)) points.set(name, []);
    points.get(name).push([step, at, value]);
  }
}
