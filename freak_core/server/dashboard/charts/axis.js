// The horizontal axis of the charts: steps, relative time or wall time.

/** @import { Points } from "../live/metric-points.js" */

/** @typedef {"step" | "relative" | "wall"} Axis */

/** @type {Record<Axis, string>} */
export const AXES = { step: "Step", relative: "Relative time", wall: "Wall time" };

/**
 * Return the axis for some points. Points without steps are shown by time.
 * @param {Points} points
 * @param {Axis} wanted
 * @returns {Axis}
 */
export const axisOf = (points, wanted) => (wanted === "step" && !points.stepped ? "relative" : wanted);

/**
 * Return seconds as `1h 02m`, `3m 05s` or `1.25s`.
 * @param {number} seconds
 */
export function relativeTime(seconds) {
  const sign = seconds < 0 ? "-" : "";
  const size = Math.abs(seconds) < 60 ? Math.abs(seconds) : Math.round(Math.abs(seconds));
  if (size < 60) return `${sign}${Number(size.toFixed(3))}s`;
  const [minutes, rest] = [Math.floor(size / 60), size % 60];
  if (size < 3600) return `${sign}${minutes}m ${String(rest).padStart(2, "0")}s`;
  return `${sign}${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/**
 * Return the date and time of day.
 * @param {number} seconds since the epoch
 */
function wallTime(seconds) {
  const date = new Date(seconds * 1000);
  /** @param {number} number */
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/**
 * Return a place on the axis as a text: `step 1200`, `3m 05s` or a date.
 * @param {number} x
 * @param {Axis} axis
 */
export const placeText = (x, axis) => (axis === "step" ? `step ${x}` : axis === "relative" ? relativeTime(x) : wallTime(x));
