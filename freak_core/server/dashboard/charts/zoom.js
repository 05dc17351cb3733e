// The part of the horizontal axis that the charts show.

import { origin } from "../live/metric-history.js";
import { signal } from "../vendor.js";

/**
 * @import { Range } from "../live/metric-history.js"
 * @import { Axis } from "./axis.js"
 */

/** Every chart along this axis shows this part of it; null for everything. */
export const zoom = signal(/** @type {{axis: Axis, min: number, max: number} | null} */ (null));

/**
 * Return the part of an axis that is shown, as a range for the server; null for everything.
 * @param {Axis} axis
 * @returns {Range | null}
 */
export function shownRange(axis) {
  if (zoom.value?.axis !== axis) return null;
  const { min, max } = zoom.value;
  if (axis === "step") return { axis, since: Math.ceil(min) - 1, until: Math.floor(max) };
  const from = axis === "relative" ? origin.value : 0;
  return { axis: "time", since: from + min, until: from + max };
}
