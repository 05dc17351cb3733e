// The part of the axis that is shown.

import { origin } from "../live/metric-history.js";
import { signal } from "../vendor.js";

/** `{axis, min, max}`, shown by every chart along that axis; null for everything. */
export const zoom = signal(null);

/** Return what of an axis is shown, as a range `{axis: "step" | "time", since, until}` of the server; null for everything. */
export function rangeOn(axis) {
  if (zoom.value?.axis !== axis) return null;
  const { min, max } = zoom.value;
  if (axis === "step") return { axis, since: Math.ceil(min) - 1, until: Math.floor(max) };
  const from = axis === "relative" ? origin.value : 0;
  return { axis: "time", since: from + min, until: from + max };
}
