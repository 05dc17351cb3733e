// The points of one metric, in columns, and how they are thinned to what a chart can show.

/** @import { Row } from "../lib/csv.js" */

/** @typedef {{latest: number | null, min: number | null, max: number | null, gaps: number}} Summary */

/** Points in order of arrival. NaN stands for a missing step, and for a value that is not finite. */
export class Points {
  /** @type {number[]} */
  steps = [];
  /** @type {number[]} */
  times = [];
  /** @type {number[]} */
  values = [];

  /** @param {Row[]} rows */
  static from(rows) {
    const points = new Points();
    for (const row of rows) points.push(...row);
    return points;
  }

  get length() {
    return this.times.length;
  }

  /**
   * @param {number | null | undefined} step
   * @param {number} at seconds since the epoch
   * @param {number | null} value
   */
  push(step, at, value) {
    this.steps.push(step ?? NaN);
    this.times.push(at);
    this.values.push(value ?? NaN);
  }

  /**
   * Return a copy with every column changed.
   * @param {(column: number[], name: "steps" | "times" | "values") => number[]} change
   */
  #map(change) {
    const points = new Points();
    for (const name of /** @type {const} */ (["steps", "times", "values"])) points[name] = change(this[name], name);
    return points;
  }

  /**
   * Return the points at these indices.
   * @param {number[]} indices
   */
  pick(indices) {
    return this.#map((column) => indices.map((i) => column[i]));
  }

  /**
   * Return the points for which `test(step, time)` holds.
   * @param {(step: number, time: number) => boolean} test
   */
  where(test) {
    return this.pick([...this.times.keys()].filter((i) => test(this.steps[i], this.times[i])));
  }

  /** @param {Points} other */
  concat(other) {
    return this.#map((column, name) => column.concat(other[name]));
  }

  /** Whether every point has a step. */
  get stepped() {
    return !this.steps.some(Number.isNaN);
  }
}

/** @param {number[]} column */
const ascending = (column) => column[column.length - 1] > column[0] && column.every((place, i) => i === 0 || place >= column[i - 1]);

/**
 * Return the indices to keep of a stretch of values: the lowest, the highest, and the first that is not finite.
 * @param {number[]} values
 * @param {number} start
 * @param {number} end
 */
function extremes(values, start, end) {
  let [low, high, gap] = [-1, -1, -1];
  for (let i = start; i < end; i++) {
    if (Number.isNaN(values[i])) gap = gap < 0 ? i : gap;
    else {
      if (low < 0 || values[i] < values[low]) low = i;
      if (high < 0 || values[i] > values[high]) high = i;
    }
  }
  return [...new Set([low, high, gap].filter((index) => index >= 0).sort((a, b) => a - b))];
}

/**
 * Return at most `atMost` of the points: the first, the last, and of each stretch the lowest, the highest and the first
 * that is not finite. Stretches have equal lengths in steps if the steps ascend, else in time.
 * @param {Points} points
 * @param {number} atMost five or more
 */
export function thin(points, atMost) {
  const last = points.length - 1;
  if (last < atMost) return points;
  const { steps, times, values } = points;
  const places = [steps, times].find(ascending) ?? [...times.keys()];
  const stretches = Math.floor((atMost - 2) / (values.some(Number.isNaN) ? 3 : 2));
  const width = (places[last] - places[0]) / stretches;
  const kept = [0];
  let start = 1;
  for (let stretch = 1; stretch <= stretches; stretch++) {
    const border = stretch === stretches ? Infinity : places[0] + stretch * width;
    let end = start;
    while (end < last && places[end] < border) end++;
    kept.push(...extremes(values, start, end));
    start = end;
  }
  return points.pick([...kept, last]);
}

/**
 * Return the last value, the lowest, the highest (null if there is none) and the number of values that are not finite.
 * @param {Points} points
 * @returns {Summary}
 */
export function summary({ values }) {
  let min = Infinity, max = -Infinity, gaps = 0;
  for (const value of values) {
    if (Number.isNaN(value)) gaps++;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const some = gaps < values.length;
  return { latest: values.at(-1) ?? null, min: some ? min : null, max: some ? max : null, gaps };
}
