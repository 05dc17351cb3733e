// From the points of a curve to the line that a chart draws.

import { smoothedLine } from "../dashboard/charts/smoothed-line.js";
import { curve, start } from "./curves.js";
import { EPOCH, epochAt } from "./epochs.js";

/**
 * @import { Line } from "../dashboard/charts/smoothed-line.js"
 * @import { Points } from "../dashboard/live/metric-points.js"
 * @import { CompareAxis } from "./settings.js"
 * @import { Curve, Range } from "./curves.js"
 */

/** @typedef {{axis: CompareAxis, smoothing: number, log: boolean}} LineSettings */
/** @typedef {{xs: number[], values: number[], drawn: (number | null)[], raw: (number | null)[] | null}} RunLine `drawn`: smoothed if that is wanted; `raw`: then the values as logged */

const EMPTY = /** @type {RunLine} */ ({ xs: [], values: [], drawn: [], raw: null });
/** The last line of each curve, with what it was made of. @type {WeakMap<Curve, {key: string, line: RunLine}>} */
const lines = new WeakMap();

/**
 * Return the points with those in a range replaced by more of them.
 * @param {Points} points
 * @param {Points} detail
 * @param {Range} range
 */
function withDetail(points, detail, { axis, since, until }) {
  const column = axis === "step" ? points.steps : points.times;
  const before = points.where((step, time) => (axis === "step" ? step : time) <= since);
  const after = column.some((place) => place > until) ? points.where((step, time) => (axis === "step" ? step : time) > until) : null;
  return after ? before.concat(detail).concat(after) : before.concat(detail);
}

/**
 * Return the line of a run's metric. It is made anew only if something has changed.
 * @param {string} run
 * @param {string} name
 * @param {LineSettings} settings
 * @returns {RunLine}
 */
export function runLine(run, name, settings) {
  const known = curve(run, name);
  const epochs = settings.axis === "epoch" ? curve(run, EPOCH) : null;
  const key = JSON.stringify([settings, known.version, epochs?.version, start(run)]);
  const last = lines.get(known);
  if (last?.key === key) return last.line;
  const line = newLine(run, known, epochs, settings);
  lines.set(known, { key, line });
  return line;
}

/**
 * @param {string} run
 * @param {Curve} known
 * @param {Curve | null} epochs
 * @param {LineSettings} settings
 * @returns {RunLine}
 */
function newLine(run, known, epochs, { axis, smoothing, log }) {
  const { detail } = known;
  const points = detail?.points ? withDetail(known.points, detail.points, detail.range) : known.points;
  if (axis !== "relative" && !points.stepped) return EMPTY;
  const line = smoothedLine(points, { axis: axis === "relative" ? "relative" : "step", smoothing, log, origin: start(run) });
  return epochs ? byEpoch(line, epochs.points, smoothing > 0) : toDraw(line, line.xs, smoothing > 0);
}

/**
 * @param {Line} line
 * @param {number[]} xs
 * @param {boolean} isSmoothed
 * @returns {RunLine}
 */
const toDraw = ({ values, raw, smooth }, xs, isSmoothed) => ({ xs, values, drawn: isSmoothed ? smooth : raw, raw: isSmoothed ? raw : null });

/**
 * @param {Line} line along steps
 * @param {Points} epochs
 * @param {boolean} isSmoothed
 */
const byEpoch = (line, epochs, isSmoothed) => (epochs.length ? toDraw(line, line.xs.map((step) => epochAt(epochs, step)), isSmoothed) : EMPTY);
