// From points to the line that a chart draws: places along the axis, values, and the smoothed values.

/**
 * @import { Points } from "../live/metric-points.js"
 * @import { Range } from "../live/metric-history.js"
 * @import { Axis } from "./axis.js"
 */

/**
 * @typedef {object} Line
 * @property {number[]} xs places along the axis
 * @property {number[]} values as they were logged
 * @property {(number | null)[]} raw the values that can be drawn; null is a gap
 * @property {(number | null)[]} smooth
 * @property {number} hidden how many values a logarithmic axis cannot show
 */

/**
 * Return the indices of the points in their order along the axis.
 *
 * A program goes back to an earlier step when it loads a checkpoint. Then the new points replace the old ones of the same
 * steps: the chart has one line, not two across each other. By time, it shows all points.
 * @param {Points} points
 * @param {Axis} axis
 */
export function order({ steps, times }, axis) {
  if (axis !== "step") return [...times.keys()].sort((a, b) => times[a] - times[b]);
  /** @type {number[]} */
  const kept = [];
  /** @param {number} i */
  const last = (i) => steps[kept[kept.length - 1]] - steps[i];
  for (let i = 0; i < steps.length; i++) {
    if (kept.length && last(i) > 0) while (kept.length && last(i) >= 0) kept.pop();
    kept.push(i);
  }
  return kept;
}

/**
 * Return the exponential moving average of values, debiased as TensorBoard does. NaN stays NaN and does not change the
 * values after it.
 * @param {number[]} values
 * @param {number} weight of earlier values, from 0 (no smoothing) to below 1
 */
export function smoothed(values, weight) {
  const finite = values.filter((value) => !Number.isNaN(value));
  if (weight <= 0 || finite.every((value) => value === finite[0])) return values.slice();
  let sum = 0, mass = 0;
  return values.map((value) => {
    if (Number.isNaN(value)) return NaN;
    sum = sum * weight + (1 - weight) * value;
    mass = mass * weight + (1 - weight);
    return sum / mass;
  });
}

/**
 * Return the line to draw.
 * @param {Points} points
 * @param {{axis: Axis, smoothing: number, log: boolean, origin: number}} settings `origin`: the zero of relative time, in
 *   seconds since the epoch
 * @returns {Line}
 */
export function smoothedLine(points, { axis, smoothing, log, origin }) {
  const indices = order(points, axis);
  const { steps, times } = points;
  const place = {
    step: (/** @type {number} */ i) => steps[i],
    relative: (/** @type {number} */ i) => times[i] - origin,
    wall: (/** @type {number} */ i) => times[i],
  }[axis];
  const values = indices.map((i) => points.values[i]);
  /** @param {number} value */
  const drawn = (value) => (Number.isNaN(value) || (log && value <= 0) ? null : value);
  return {
    xs: indices.map(place),
    values,
    raw: values.map(drawn),
    smooth: smoothed(values, smoothing).map(drawn),
    hidden: log ? values.filter((value) => value <= 0).length : 0,
  };
}

/**
 * Return the points with those in a range replaced by `detail`.
 * @param {Points} points
 * @param {Points} detail
 * @param {Range} range
 */
export function withDetail(points, detail, { axis, since, until }) {
  const last = detail.times.at(-1) ?? -Infinity;
  /**
   * @param {number} place
   * @param {number} time
   */
  const outside = (place, time) => place <= since || place > until || time > last;
  const all = points.where((step, time) => outside(axis === "step" ? step : time, time)).concat(detail);
  return all.pick([...all.times.keys()].sort((a, b) => all.times[a] - all.times[b]));
}
