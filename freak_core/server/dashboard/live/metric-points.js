// Points of one metric, in columns: no more than a chart can show, however long the run.

/** In order of arrival. NaN stands for a step that was not told, and for a value that is not finite. */
export class Points {
  steps = [];
  times = [];
  values = [];

  /** Make points of rows `[step, seconds since the epoch, value]` with null for what is missing. */
  static from(rows) {
    const points = new Points();
    for (const row of rows) points.push(...row);
    return points;
  }

  get length() {
    return this.times.length;
  }

  push(step, at, value) {
    this.steps.push(step ?? NaN);
    this.times.push(at);
    this.values.push(value ?? NaN);
  }

  /** Return the points of these indices. */
  pick(indices) {
    const points = new Points();
    for (const column of ["steps", "times", "values"]) points[column] = indices.map((i) => this[column][i]);
    return points;
  }

  /** Return the points that fulfil `test(step, time)`. */
  where(test) {
    return this.pick([...this.times.keys()].filter((i) => test(this.steps[i], this.times[i])));
  }

  concat(other) {
    const points = new Points();
    for (const column of ["steps", "times", "values"]) points[column] = this[column].concat(other[column]);
    return points;
  }

  /** Whether every point has a step. */
  get stepped() {
    return !this.steps.some(Number.isNaN);
  }
}

const ascending = (column) => column.at(-1) > column[0] && column.every((place, i) => i === 0 || place >= column[i - 1]);

/**
 * Return at most `atMost` (five or more) of the points: the first, the last, and of each stretch the lowest, the highest
 * and the first that is not finite. Stretches are equally long in steps where these ascend, else in time.
 */
export function thin(points, atMost) {
  const last = points.length - 1;
  if (last < atMost) return points;
  const { steps, times, values } = points;
  const places = [steps, times].find(ascending) ?? [...times.keys()];
  const stretches = Math.floor((atMost - 2) / (values.some(Number.isNaN) ? 3 : 2));
  const width = (places[last] - places[0]) / stretches;
  const kept = [0];
  let i = 1;
  for (let stretch = 1; stretch <= stretches; stretch++) {
    const end = stretch === stretches ? Infinity : places[0] + stretch * width;
    let low = -1, high = -1, gap = -1;
    for (; i < last && places[i] < end; i++) {
      if (Number.isNaN(values[i])) gap = gap < 0 ? i : gap;
      else {
        if (low < 0 || values[i] < values[low]) low = i;
        if (high < 0 || values[i] > values[high]) high = i;
      }
    }
    kept.push(...new Set([low, high, gap].filter((index) => index >= 0).sort((a, b) => a - b)));
  }
  return points.pick([...kept, last]);
}

/** Return the last value, the lowest, the highest (null without any) and how many are not finite. */
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
  return { latest: values.length ? values.at(-1) : null, min: some ? min : null, max: some ? max : null, gaps };
}
