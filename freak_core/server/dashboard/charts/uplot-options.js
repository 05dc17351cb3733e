// uPlot's options: scales, axes, lines, and what the pointer does.

import { tick } from "../lib/format.js";
import { uPlot } from "../vendor.js";
import { relativeTime } from "./axis.js";

/** @import { Axis } from "./axis.js" */

/**
 * @typedef {object} PlotSettings
 * @property {HTMLElement} host the element that contains the chart
 * @property {Axis} axis
 * @property {boolean} log whether the vertical axis is logarithmic
 * @property {() => boolean} isSmoothed whether the raw line is drawn pale, behind the smoothed one
 * @property {() => {min: number, max: number} | null} shownPart the part of the axis to show; null for everything
 * @property {(min: number, max: number) => void} onSelect is called when the user has dragged over a part
 * @property {() => void} onSelectEnd is called after a drag that was too short
 * @property {() => void} onReset is called on a double click
 * @property {(u: uPlot) => void} onPoint is called when the pointer moves
 * @property {(u: uPlot, colour: string) => void} drawOnTop
 */

const FONT = "11px system-ui, sans-serif";
/** Distances of ticks in relative time: seconds, minutes, hours, days. */
const RELATIVE_STEPS = [0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
const DAY = "\n{YYYY}-{MM}-{DD}";
/** Ticks of wall time: the distance in seconds, the text, and what is added where the year, the day or the minute changes. */
const WALL_TICKS = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1],
  [0.001, ":{ss}.{fff}", `${DAY} {HH}:{mm}`, null, `${DAY} {HH}:{mm}`, null, "\n{HH}:{mm}", null, 1],
];
const WHOLE_STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** @type {Record<Axis, uPlot.Axis>} */
const X_TICKS = {
  step: { values: (u, splits) => splits.map(tick), incrs: WHOLE_STEPS },
  relative: { values: (u, splits) => splits.map(relativeTime), incrs: RELATIVE_STEPS },
  wall: { values: /** @type {uPlot.Axis.Values} */ (WALL_TICKS), space: 70 },
};

/**
 * Return the range of the vertical scale.
 * @param {boolean} log
 * @returns {uPlot.Range.Function}
 */
const yRange = (log) => (u, min, max) => {
  if (min === null || min === undefined) return log ? [0.1, 1] : [0, 1];
  return log ? uPlot.rangeLog(min, max, 10, false) : uPlot.rangeNum(min, max, 0.1, true);
};

/**
 * Return the range of the horizontal scale.
 * @param {PlotSettings["shownPart"]} shownPart
 * @returns {uPlot.Range.Function}
 */
const xRange = (shownPart) => (u, min, max) => {
  const part = shownPart();
  if (part) return [part.min, part.max];
  if (min === null || min === undefined) return [0, 1];
  return min === max ? [min - 0.5, max + 0.5] : [min, max];
};

/**
 * Draw only those grid lines of a logarithmic axis that have a label.
 * @type {uPlot.Axis.Filter}
 */
const labelled = (u, splits, ...rest) => /** @type {uPlot.Axis.Filter} */ (u.axes[1].filter)(u, splits, ...rest);

/**
 * Return the hook that handles the end of a drag.
 * @param {PlotSettings} settings
 * @returns {(u: uPlot) => void}
 */
const dragEnd = ({ onSelect, onSelectEnd }) => (u) => {
  const { left, width } = u.select;
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (width > 3) onSelect(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
  else onSelectEnd();
};

/**
 * Return uPlot's options.
 * @param {PlotSettings} settings
 * @returns {uPlot.Options}
 */
export function plotOptions(settings) {
  const { host, axis, log, isSmoothed, shownPart, onReset, onPoint, drawOnTop } = settings;
  /** @param {string} name */
  const colour = (name) => () => getComputedStyle(host).getPropertyValue(`--chart-${name}`);
  const rawColour = () => colour(isSmoothed() ? "faint" : "line")();
  const lines = { stroke: colour("text"), font: FONT, grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1, size: 4 } };
  return {
    width: host.clientWidth,
    height: host.clientHeight,
    padding: [16, axis === "step" ? 12 : 26, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      sync: { key: `freak-${axis}`, scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      bind: { dblclick: () => () => { onReset(); return null; } },
    },
    scales: {
      x: { time: axis === "wall", range: xRange(shownPart) },
      y: { distr: log ? 3 : 1, range: yRange(log) },
    },
    series: [
      {},
      { stroke: rawColour, width: 1.5, points: { size: 4, fill: rawColour } },
      { stroke: colour("line"), width: 1.75, points: { show: false } },
    ],
    axes: [
      { ...lines, ...X_TICKS[axis], size: axis === "wall" ? 42 : 28 },
      {
        ...lines,
        ...(log && { grid: { ...lines.grid, filter: labelled }, ticks: { ...lines.ticks, filter: labelled } }),
        values: (u, splits) => splits.map((value) => (value === null || value === undefined ? "" : tick(value))),
        size: (u, values) => 16 + 6.5 * Math.max(4, ...(values ?? []).map((text) => text.length)),
      },
    ],
    hooks: {
      setSelect: [dragEnd(settings)],
      setCursor: [onPoint],
      draw: [(u) => drawOnTop(u, colour("marker")())],
    },
  };
}
