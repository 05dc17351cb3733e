// Markers of applied requests: a line if a request changed a value or stopped the run, else a tick at the bottom.

import { brief } from "../lib/format.js";
import { dotted } from "../live/receipt-text.js";
import { receipts } from "../live/receipts.js";
import { hasButtons } from "../live/run.js";
import { computed } from "../vendor.js";

/**
 * @import { uPlot } from "../vendor.js"
 * @import { Receipt } from "../live/receipts.js"
 * @import { Points } from "../live/metric-points.js"
 * @import { Axis } from "./axis.js"
 */

/**
 * @typedef {object} Marker
 * @property {number | null} step the one that metrics are logged with; null if the receipt has none
 * @property {number} at seconds since the epoch
 * @property {string} text
 * @property {string} label what fits beside a line
 * @property {boolean} line
 */

/** @typedef {Marker & {x: number}} PlacedMarker */

/** More markers than these make a chart unreadable. The timeline has all of them. */
const MOST_MARKERS = 200;
/** Changes of one request that are named. */
const MOST_CHANGES = 4;
const TICK_HEIGHT = 6; // pixels

/** @param {Receipt} receipt */
function textOf({ kind, name, changes, note }) {
  const named = changes.slice(0, MOST_CHANGES).map(({ path, old, new: now }) => `${dotted(path)}: ${brief(old)} → ${brief(now)}`);
  if (changes.length > MOST_CHANGES) named.push(`${changes.length - MOST_CHANGES} more`);
  const text = [kind === "action" ? name : null, named.join(", ")].filter(Boolean).join(": ");
  return note ? `${text} (${note})` : text;
}

/** @param {Receipt} receipt */
const labelOf = ({ kind, name, changes }) =>
  (kind === "action" ? name ?? "" : changes.map(({ path, new: now }) => `${dotted(path)} → ${brief(now)}`).join(", "));

/**
 * Return whether a receipt is drawn as a line: it is the stop itself, or changed a value that no button asks for.
 * @param {Receipt} receipt
 */
const isLine = ({ by, name, changes }) =>
  (by === "freak" && name === "stop") || changes.some(({ path }) => !hasButtons(`/${path.split("/")[1]}`));

/**
 * Return the markers of the applied requests among some, oldest first.
 * @param {Receipt[]} all
 */
export const markersOf = (all) => [...all]
  .sort((a, b) => a.seq - b.seq)
  .flatMap((receipt) => {
    const { status, applied, kind, changes } = receipt;
    if (status !== "applied" || !applied || (kind !== "action" && !changes.length)) return [];
    const [step, at] = [applied.logged_step ?? applied.step ?? null, Date.parse(applied.at) / 1000];
    return [{ step, at, text: textOf(receipt), label: labelOf(receipt), line: isLine(receipt) }];
  })
  .slice(-MOST_MARKERS);

/** The markers of all applied requests of the run that the page shows. */
export const markers = computed(() => markersOf([...receipts.value.values()]));

/**
 * Return the last step at a time, or null before the first.
 * @param {Points} points
 * @param {number} at seconds since the epoch
 */
function stepAt({ steps, times }, at) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low ? steps[low - 1] : null;
}

/**
 * Return the markers with their places on an axis. A marker without a place is left out.
 * @param {Marker[]} all
 * @param {Points} points
 * @param {Axis} axis
 * @param {number} origin the zero of relative time, in seconds since the epoch
 * @returns {PlacedMarker[]}
 */
export function placeMarkers(all, points, axis, origin) {
  /** @param {Marker} marker */
  const place = ({ step, at }) => (axis === "step" ? step ?? stepAt(points, at) : axis === "relative" ? at - origin : at);
  return all.flatMap((marker) => {
    const x = place(marker);
    return x === null ? [] : [{ ...marker, x }];
  });
}

/**
 * Draw the markers into a chart. A line has a label if there is room for all of it.
 * @param {uPlot} u
 * @param {PlacedMarker[]} placed
 * @param {string} colour
 */
export function drawMarkers(u, placed, colour) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const [right, bottom] = [bbox.left + bbox.width, bbox.top + bbox.height];
  const visible = placed
    .map(({ x, label, line }) => ({ left: u.valToPos(x, "x", true), label, line }))
    .filter(({ left }) => left >= bbox.left && left <= right)
    .sort((a, b) => a.left - b.left);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = ratio;
  for (const { left, line } of visible) {
    ctx.setLineDash(line ? [4 * ratio, 3 * ratio] : []);
    ctx.beginPath();
    ctx.moveTo(left, line ? bbox.top : bottom - TICK_HEIGHT * ratio);
    ctx.lineTo(left, bottom);
    ctx.stroke();
  }
  ctx.font = `${10.5 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  const labels = placeLabels(ctx, visible.filter(({ line }) => line), [bbox.left, right], 6 * ratio);
  for (const { from, label } of labels) ctx.fillText(label, from, bbox.top - 2 * ratio);
  ctx.restore();
}

/**
 * Return where to draw which labels: right of a line if the label ends before the next line, else left of it if it fits.
 * @param {CanvasRenderingContext2D} ctx
 * @param {{left: number, label: string}[]} lines from left to right
 * @param {[number, number]} ends of the axis
 * @param {number} gap between labels
 */
function placeLabels(ctx, lines, [start, end], gap) {
  /** @type {{from: number, label: string}[]} */
  const placed = [];
  let taken = start;
  lines.forEach(({ left, label }, i) => {
    const { width } = ctx.measureText(label);
    const from = left + width + gap <= (lines[i + 1]?.left ?? end + gap) ? left : left - width;
    if (from >= taken) {
      placed.push({ from, label });
      taken = from + width + gap;
    }
    taken = Math.max(taken, left + gap);
  });
  return placed;
}
