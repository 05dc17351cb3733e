// Draws curves and marks of many runs into a chart: uPlot draws axes, selection and cursor.

import { lastUpTo } from "./axis-positions.js";

/**
 * @import { uPlot } from "../dashboard/vendor.js"
 * @import { RunLine } from "./run-line.js"
 */

/** @typedef {{id: string, name: string, colour: string, line: RunLine, marks: {x: number, text: string, line: boolean}[]}} DrawnRun */

const MARK_SIZE = 5; // pixels
/** With more curves, lines are one pixel wide: browsers draw those much faster. */
const THIN_FROM = 8;

/**
 * Return the lowest and the highest value in a part of the axis, over all runs; null if nothing is there.
 * @param {DrawnRun[]} runs
 * @param {number} min
 * @param {number} max
 */
export function extent(runs, min, max) {
  let [low, high] = [Infinity, -Infinity];
  for (const { line: { xs, drawn } } of runs) {
    const end = lastUpTo(xs, max);
    for (let i = Math.max(0, lastUpTo(xs, min)); i <= end; i++) {
      const value = drawn[i];
      if (value !== null && value < low) low = value;
      if (value !== null && value > high) high = value;
    }
  }
  return low <= high ? { low, high } : null;
}

/**
 * Draw the lines of all runs. Where a run stands out, the others are pale.
 * @param {uPlot} u
 * @param {DrawnRun[]} runs
 * @param {string | null} outstanding the id of the run that stands out
 */
export function drawCurves(u, runs, outstanding) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = "bevel"; // round ones take a multiple of the time
  const width = runs.length > THIN_FROM ? 1 : 1.5;
  for (const { id, colour, line: { xs, drawn, raw } } of runs) {
    const pale = outstanding !== null && outstanding !== id;
    ctx.strokeStyle = ctx.fillStyle = colour;
    if (raw && (runs.length <= 6 || outstanding === id)) stroke(u, xs, raw, 1, pale ? 0.05 : 0.22);
    stroke(u, xs, drawn, outstanding === id ? 2.5 : width, pale ? 0.18 : 1);
  }
  ctx.restore();
}

/**
 * @param {uPlot} u
 * @param {number[]} xs
 * @param {(number | null)[]} ys null is a gap
 * @param {number} width
 * @param {number} alpha
 */
function stroke(u, xs, ys, width, alpha) {
  const { ctx, bbox } = u;
  const { min: left = 0, max: right = 1 } = u.scales.x;
  const { distr, min: bottom = 0, max: top = 1 } = u.scales.y;
  const value = distr === 3 ? Math.log10 : Number;
  const [low, high] = [value(bottom), value(top)];
  const [xScale, yScale] = [bbox.width / (right - left), bbox.height / (high - low)];
  const end = Math.min(xs.length - 1, lastUpTo(xs, right) + 1);
  ctx.globalAlpha = alpha;
  ctx.lineWidth = width * devicePixelRatio;
  ctx.beginPath();
  let [open, points, lastX, lastY] = [false, 0, 0, 0];
  for (let i = Math.max(0, lastUpTo(xs, left)); i <= end; i++) {
    const y = ys[i];
    if (y === null) {
      open = false;
      continue;
    }
    lastX = bbox.left + (xs[i] - left) * xScale;
    lastY = bbox.top + bbox.height - (value(y) - low) * yScale;
    if (open) ctx.lineTo(lastX, lastY);
    else ctx.moveTo(lastX, lastY);
    open = true;
    points += 1;
  }
  ctx.stroke();
  if (points === 1) ctx.fillRect(lastX - 2 * devicePixelRatio, lastY - 2 * devicePixelRatio, 4 * devicePixelRatio, 4 * devicePixelRatio);
}

/**
 * Draw the interventions: a triangle at the bottom in the run's colour, and a dashed line if a value was changed.
 * @param {uPlot} u
 * @param {DrawnRun[]} runs
 */
export function drawMarks(u, runs) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 4 * ratio]);
  for (const { colour, marks } of runs) {
    ctx.strokeStyle = ctx.fillStyle = colour;
    for (const { x, line } of marks) {
      const left = u.valToPos(x, "x", true);
      if (left < bbox.left - 1 || left > bbox.left + bbox.width + 1) continue;
      ctx.globalAlpha = 0.6;
      ctx.beginPath();
      if (line) ctx.moveTo(left, bbox.top);
      if (line) ctx.lineTo(left, bottom);
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.moveTo(left, bottom - 1.6 * MARK_SIZE * ratio);
      ctx.lineTo(left + MARK_SIZE * ratio, bottom);
      ctx.lineTo(left - MARK_SIZE * ratio, bottom);
      ctx.fill();
    }
  }
  ctx.restore();
}
