// Panning and zooming with mouse and wheel: the functions that uPlot's plot area is given.

import { zoom } from "./settings.js";

/** @import { uPlot } from "../dashboard/vendor.js" */

/** @typedef {{min: number, max: number}} Span */

/**
 * Return a part of the axis moved and cut so that it stays within everything; null if it is everything.
 * @param {Span} wanted
 * @param {Span} everything
 * @returns {Span | null}
 */
export function within({ min, max }, everything) {
  const width = max - min;
  const whole = everything.max - everything.min;
  if (!(width > 0) || width >= whole) return null;
  const from = Math.min(Math.max(min, everything.min), everything.max - width);
  return { min: from, max: from + width };
}

/**
 * Return a part of the axis, made wider or narrower around a place.
 * @param {Span} part
 * @param {number} around
 * @param {number} factor below 1 to see less of the axis
 * @returns {Span}
 */
export const scaled = ({ min, max }, around, factor) => ({ min: around - (around - min) * factor, max: around + (max - around) * factor });

/**
 * Return a part of the axis, moved by a part of its width.
 * @param {Span} part
 * @param {number} by
 * @returns {Span}
 */
export const moved = ({ min, max }, by) => ({ min: min + by * (max - min), max: max + by * (max - min) });

/**
 * @param {uPlot} u
 * @returns {Span}
 */
export const spanOf = (u) => ({ min: u.scales.x.min ?? 0, max: u.scales.x.max ?? 1 });

/**
 * Move the shown part with the pointer until the button is released.
 * @param {uPlot} u
 * @param {MouseEvent} event
 * @param {() => Span} everything
 */
export function pan(u, event, everything) {
  const span = spanOf(u);
  const { clientWidth: width } = u.over;
  const ending = new AbortController();
  /** @param {MouseEvent} move */
  const move = ({ clientX }) => {
    if (zoom.value) zoom.value = within(moved(span, (event.clientX - clientX) / width), everything());
  };
  window.addEventListener("mousemove", move, { signal: ending.signal });
  window.addEventListener("mouseup", () => ending.abort(), { signal: ending.signal });
}

/**
 * Zoom around the pointer with Ctrl or ⌘ and the wheel (a pinch on a trackpad is that, too); pan with a wheel that turns
 * sideways. A plain wheel scrolls the page.
 * @param {uPlot} u
 * @param {WheelEvent} event
 * @param {() => Span} everything
 */
export function wheel(u, event, everything) {
  const span = spanOf(u);
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const around = u.posToVal(event.clientX - u.over.getBoundingClientRect().left, "x");
    zoom.value = within(scaled(span, around, Math.exp(Math.max(-50, Math.min(50, event.deltaY)) / 150)), everything());
  } else if (zoom.value && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    zoom.value = within(moved(span, event.deltaX / u.over.clientWidth), everything());
  }
}
