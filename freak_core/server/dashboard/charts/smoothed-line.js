// From points to what a chart draws: places along the axis, values, and the smoothed line.

/** The axis on which points can be shown: those without steps are shown by time. */
export const axisOf = (points, wanted) => (wanted === "step" && !points.stepped ? "relative" : wanted);

/**
 * Return the indices of the points in their order along the axis.
 *
 * Where a program goes back to an earlier step, as when it loads a checkpoint, what it then repeats replaces what was
 * there: one line, not two across each other. By time everything is shown.
 */
export function order({ steps, times }, axis) {
  if (axis !== "step") return [...times.keys()].sort((a, b) => times[a] - times[b]);
  const kept = [];
  for (let i = 0; i < steps.length; i++) {
    if (kept.length && steps[kept.at(-1)] > steps[i]) while (kept.length && steps[kept.at(-1)] >= steps[i]) kept.pop();
    kept.push(i);
  }
  return kept;
}

/**
 * Return the exponential moving average of values, started without a bias towards zero, as TensorBoard does. NaN stays
 * NaN and changes nothing after it.
 *
 * @param weight of what was before, from 0 (no smoothing) to below 1.
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
 * Return what to draw: `xs`, `values`, `raw` and `smooth` (null where there is a gap), and `hidden`, how many
 * values a logarithmic axis cannot show.
 *
 * @param origin seconds since the epoch, from where relative time counts.
 */
export function curve(points, { axis, smoothing, log, origin }) {
  const rows = order(points, axis);
  const place = { step: (i) => points.steps[i], relative: (i) => points.times[i] - origin, wall: (i) => points.times[i] }[axis];
  const values = rows.map((i) => points.values[i]);
  let hidden = 0;
  const shown = (value) => {
    if (Number.isNaN(value)) return null;
    if (!log || value > 0) return value;
    hidden++;
    return null;
  };
  const raw = values.map(shown);
  const lost = hidden;
  return { xs: rows.map(place), values, raw, smooth: smoothed(values, smoothing).map(shown), hidden: lost };
}

/** Return points with those in a range `{axis: "step" | "time", since, until}` replaced by their detail. */
export function zoomedIn(points, detail, { axis, since, until }) {
  const last = detail.times.at(-1) ?? -Infinity;
  const outside = (place, time) => place <= since || place > until || time > last;
  const all = points.where((step, time) => outside(axis === "step" ? step : time, time)).concat(detail);
  return all.pick([...all.times.keys()].sort((a, b) => all.times[a] - all.times[b]));
}
