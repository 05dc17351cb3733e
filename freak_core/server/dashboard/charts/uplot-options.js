// How uPlot draws a chart: scales, axes, lines and what the pointer does.

import { duration, tick } from "../lib/format.js";
import { uPlot } from "../vendor.js";

const FONT = "11px system-ui, sans-serif";
/** Ticks of relative time: seconds, minutes, hours, days. */
const SPANS = [0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
/** Ticks of wall time: distance in seconds, text, and what is added where the year, the day or the minute changes. */
const DAY = "\n{YYYY}-{MM}-{DD}";
const CLOCK = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1],
  [0.001, ":{ss}.{fff}", `${DAY} {HH}:{mm}`, null, `${DAY} {HH}:{mm}`, null, "\n{HH}:{mm}", null, 1],
];

const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

const span = (min, max, pad) => (min === max ? [min - pad, max + pad] : [min, max]);

function yRange(log) {
  return (u, min, max) => {
    if (min == null) return log ? [0.1, 1] : [0, 1];
    return log ? uPlot.rangeLog(min, max, 10, false) : uPlot.rangeNum(min, max, 0.1, true);
  };
}

/** Of a logarithmic axis, draw only the lines that have a label. */
const labelled = (u, splits, ...rest) => u.axes[1].filter(u, splits, ...rest);

const xTicks = {
  step: { values: (u, splits) => splits.map(tick), incrs: WHOLE },
  relative: { values: (u, splits) => splits.map(duration), incrs: SPANS },
  wall: { values: CLOCK, space: 70 },
};

/**
 * Return uPlot's options.
 *
 * @param part returns `{min, max}` of the axis to show, or null.
 * @param select called with both ends of what was dragged over; `reset` on a double click; `point` as the pointer moves.
 * @param marks draws what belongs on top, in a colour.
 */
export function plotOptions({ host, axis, log, faint, part, select, selected, reset, point, marks }) {
  const colour = (name) => () => getComputedStyle(host).getPropertyValue(`--chart-${name}`);
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
      bind: { dblclick: () => () => { reset(); return null; } },
    },
    scales: {
      x: {
        time: axis === "wall",
        range: (u, min, max) => {
          const shown = part();
          return shown ? [shown.min, shown.max] : min == null ? [0, 1] : span(min, max, 0.5);
        },
      },
      y: { distr: log ? 3 : 1, range: yRange(log) },
    },
    series: [
      {},
      { stroke: (u) => colour(faint() ? "faint" : "line")(u), width: 1.5, points: { size: 4, fill: (u) => colour(faint() ? "faint" : "line")(u) } },
      { stroke: colour("line"), width: 1.75, points: { show: false } },
    ],
    axes: [
      { ...lines, ...xTicks[axis], size: axis === "wall" ? 42 : 28 },
      {
        ...lines,
        ...(log && { grid: { ...lines.grid, filter: labelled }, ticks: { ...lines.ticks, filter: labelled } }),
        values: (u, splits) => splits.map((value) => (value == null ? "" : tick(value))),
        size: (u, values) => 16 + 6.5 * Math.max(4, ...(values ?? []).map((text) => text.length)),
      },
    ],
    hooks: {
      setSelect: [(u) => {
        const { left, width } = u.select;
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        if (width > 3) select(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
        else selected(); // nothing was drawn meanwhile
      }],
      setCursor: [point],
      draw: [(u) => marks(u, colour("marker")())],
    },
  };
}
