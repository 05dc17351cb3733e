// From a step to the epoch that it belongs to, by the points of a run's metric `epoch`.

/** @import { Points } from "../dashboard/live/metric-points.js" */

export const EPOCH = "epoch";

/**
 * Return the place of a step on the axis of epochs: between two points of the metric it lies in proportion. NaN if the
 * run tells no epoch.
 * @param {Points} epochs the metric's points
 * @param {number} step
 */
export function epochAt({ steps, values }, step) {
  if (!steps.length) return NaN;
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  if (low === 0 || steps[low] < step) return values[low];
  const part = (step - steps[low - 1]) / (steps[low] - steps[low - 1]);
  return values[low - 1] + part * (values[low] - values[low - 1]);
}

/**
 * Return the first step whose epoch is not below a place on the axis.
 * @param {Points} epochs
 * @param {number} place
 */
export function stepOf({ steps, values }, place) {
  const found = values.findIndex((value) => value >= place);
  return found < 0 ? (steps.at(-1) ?? 0) : steps[found];
}
