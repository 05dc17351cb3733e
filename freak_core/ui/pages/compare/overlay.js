// One drawn chart: a metric's curves of all compared runs.

import { placeText } from "../dashboard/charts/axis.js";
import { placeMarkers } from "../dashboard/charts/markers.js";
import { logarithmic, smoothing } from "../dashboard/charts/settings.js";
import { plotOptions } from "../dashboard/charts/uplot-options.js";
import { dark } from "../dashboard/lib/theme.js";
import { effect, uPlot, untracked } from "../dashboard/vendor.js";
import { ask, curve, forgetParts, onPoints, start } from "./curves.js";
import { drawCurves, drawMarks, extent } from "./curve-drawing.js";
import { EPOCH, epochAt, stepOf } from "./epochs.js";
import { drawSoon, forget } from "./frames.js";
import { interventions } from "./interventions.js";
import { moved, pan, scaled, spanOf, wheel, within } from "./pan-zoom.js";
import { nearest } from "./axis-positions.js";
import { colour } from "./run-colours.js";
import { runLine } from "./run-line.js";
import { axis as chosenAxis, hidden, pointedAt, zoom } from "./settings.js";

/**
 * @import { DrawnRun } from "./curve-drawing.js"
 * @import { Range } from "./curves.js"
 * @import { Span } from "./pan-zoom.js"
 * @import { CompareAxis } from "./settings.js"
 */

/** A run with its name and the number of its colour. @typedef {{id: string, name: string, number: number}} ComparedRun */
/** A run's value at the cursor. @typedef {{id: string, name: string, colour: string, value: number}} ValueAt */
/** @typedef {{place: string, values: ValueAt[], marks: {text: string, colour: string}[], left: number} | null} PointerFacts */

/** A mark belongs to the cursor if it is within so many pixels. */
const NEAR = 7;
const DETAIL_AFTER_MS = 300;
/** @type {Record<string, number>} */
const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };
/** @type {Record<string, number>} */
const FACTORS = { "+": 0.5, "=": 0.5, "-": 2 };

effect(() => {
  void [zoom.value, chosenAxis.value];
  forgetParts();
});

export class Overlay {
  #host;
  #name;
  #runs;
  #onDraw;
  #onPoint;
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {DrawnRun[]} */
  #drawn = [];
  /** What the chart was built for. */
  #built = "";
  /** @type {Span} */
  #everything = { min: 0, max: 1 };
  /** @type {number | undefined} */
  #detailTimer;
  #hovered = false;
  /** @type {(() => void)[]} */
  #cleanups = [];

  /**
   * @param {HTMLElement} host the element to draw into
   * @param {string} name the metric's
   * @param {ComparedRun[]} runs
   * @param {(runs: DrawnRun[]) => void} onDraw is called after each draw
   * @param {(facts: PointerFacts) => void} onPoint is called when the cursor moves
   */
  constructor(host, name, runs, onDraw, onPoint) {
    this.#host = host;
    this.#name = name;
    this.#runs = runs;
    this.#onDraw = onDraw;
    this.#onPoint = onPoint;
    this.#ask(); // before the first draw: all charts that come into view together share a request
    const draw = () => this.#draw();
    const soon = () => drawSoon(draw);
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(host);
    this.#cleanups.push(
      () => resized.disconnect(),
      onPoints(name, soon),
      onPoints(EPOCH, () => { if (chosenAxis.value === "epoch") soon(); }),
      effect(() => {
        void [chosenAxis.value, logarithmic.value, smoothing.value, zoom.value, interventions.value, hidden.value, pointedAt.value, dark.value];
        soon();
      }),
      effect(() => {
        void [zoom.value, chosenAxis.value];
        clearTimeout(this.#detailTimer);
        if (zoom.value) this.#detailTimer = setTimeout(() => this.#askDetail(), DETAIL_AFTER_MS);
      }),
      () => clearTimeout(this.#detailTimer),
      () => forget(draw),
    );
  }

  destroy() {
    for (const cleanup of this.#cleanups) cleanup();
    this.#plot?.destroy();
  }

  /** Show other runs. @param {ComparedRun[]} runs */
  show(runs) {
    this.#runs = runs;
    drawSoon(() => this.#draw());
  }

  /**
   * Handle a key: arrows move the cursor, with Shift the shown part; + and − zoom, 0 and Escape show everything. Return
   * whether the cursor moved.
   * @param {KeyboardEvent} event
   */
  press(event) {
    const u = this.#plot;
    const { key } = event;
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return false;
    const direction = ARROWS[key];
    if (direction && !event.shiftKey) this.#moveCursor(u, direction);
    else if (direction) this.#zoomTo(moved(spanOf(u), direction / 10));
    else if (key in FACTORS) this.#zoomBy(u, FACTORS[key]);
    else if ((key === "0" || key === "Escape") && zoom.value) zoom.value = null;
    else return false;
    event.preventDefault();
    return Boolean(direction) && !event.shiftKey;
  }

  /**
   * @param {uPlot} u
   * @param {number} direction
   */
  #moveCursor(u, direction) {
    this.#hovered = true;
    const { clientWidth: width, clientHeight: height } = u.over;
    const left = Math.max(0, u.cursor.left ?? 0) + (direction * width) / 50;
    u.setCursor({ left: Math.min(width, Math.max(0, left)), top: height / 2 });
  }

  /**
   * @param {uPlot} u
   * @param {number} factor
   */
  #zoomBy(u, factor) {
    const { left = -1 } = u.cursor;
    const { min, max } = spanOf(u);
    this.#zoomTo(scaled({ min, max }, left >= 0 ? u.posToVal(left, "x") : (min + max) / 2, factor));
  }

  /** @param {Span} wanted */
  #zoomTo(wanted) {
    zoom.value = within(wanted, this.#everything);
  }

  #resize() {
    const width = Math.floor(this.#host.clientWidth);
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: this.#host.clientHeight });
  }

  #draw() {
    untracked(() => {
      if (this.#plot?.select.width || !this.#host.clientWidth) return; // a draw would end a drag
      const axis = chosenAxis.value;
      const shown = this.#runs.filter(({ id }) => !hidden.value.has(id));
      this.#ask();
      this.#drawn = shown.map((run) => this.#drawnRun(run, axis)).filter(({ line }) => line.xs.length);
      this.#everything = everythingOf(this.#drawn);
      const { min, max } = zoom.value ?? this.#everything;
      const data = /** @type {uPlot.AlignedData} */ ([[min, max], [null, null], [null, null]]);
      const settings = `${axis} ${logarithmic.value}`;
      if (!this.#plot || settings !== this.#built) this.#build(data, axis);
      else this.#plot.setData(data);
      this.#built = settings;
      this.#host.dataset.draws = String(Number(this.#host.dataset.draws ?? 0) + 1);
      this.#host.dataset.axis = axis;
      this.#host.dataset.runs = String(this.#drawn.length);
      this.#onDraw(this.#drawn);
    });
  }

  /**
   * @param {ComparedRun} run
   * @param {CompareAxis} axis
   * @returns {DrawnRun}
   */
  #drawnRun({ id, name, number }, axis) {
    const line = runLine(id, this.#name, { axis, smoothing: smoothing.value, log: logarithmic.value });
    const { points } = curve(id, this.#name);
    const placed = placeMarkers(interventions.value.get(id) ?? [], points, axis === "relative" ? "relative" : "step", start(id));
    const marks = axis === "epoch" ? placed.map((mark) => ({ ...mark, x: epochAt(curve(id, EPOCH).points, mark.x) })) : placed;
    return { id, name, colour: colour(number, dark.value), line, marks: marks.filter(({ x }) => !Number.isNaN(x)) };
  }

  /** Ask for the points that are not known yet. */
  #ask() {
    const ids = this.#runs.map(({ id }) => id);
    ask(ids, this.#name, () => null);
    if (chosenAxis.value === "epoch") ask(ids, EPOCH, () => null);
  }

  /** Ask for more points of the shown part. */
  #askDetail() {
    const shown = zoom.value;
    if (!shown) return;
    const runs = this.#runs.filter(({ id }) => !hidden.value.has(id)).map(({ id }) => id);
    ask(runs, this.#name, (run) => rangeOf(run, chosenAxis.value, shown));
  }

  /**
   * @param {uPlot.AlignedData} data
   * @param {CompareAxis} axis
   */
  #build(data, axis) {
    this.#plot?.destroy();
    const everything = () => this.#everything;
    const options = plotOptions({
      host: this.#host,
      axis: axis === "relative" ? "relative" : "step",
      log: logarithmic.value,
      isSmoothed: () => false,
      shownPart: () => zoom.value,
      onSelect: (min, max) => this.#zoomTo({ min, max }),
      onSelectEnd: () => this.#draw(), // there was no draw during the drag
      onReset: () => { zoom.value = null; },
      onPoint: (u) => this.#point(u),
      drawOnTop: (u) => {
        drawMarks(u, this.#drawn);
        drawCurves(u, this.#drawn, pointedAt.value);
      },
    });
    const yRange = /** @type {uPlot.Range.Function} */ (options.scales?.y.range);
    /** @type {uPlot.Range.Function} */
    const range = (u, min, max, key) => {
      const shown = zoom.value ?? this.#everything; // the scale itself still has the part that was shown before
      const found = extent(this.#drawn, shown.min, shown.max);
      return yRange(u, /** @type {number} */ (found?.low), /** @type {number} */ (found?.high), key);
    };
    const scales = { ...options.scales, y: { ...options.scales?.y, auto: true, range } };
    const cursor = {
      ...options.cursor,
      sync: { ...options.cursor?.sync, key: "freak-compare" },
      points: { show: false },
      bind: { ...options.cursor?.bind, mousedown: panOrSelect(everything) },
    };
    const plot = new uPlot({ ...options, scales, cursor: /** @type {uPlot.Cursor} */ (cursor) }, data, this.#host);
    plot.over.addEventListener("wheel", (event) => wheel(plot, event, everything), { passive: false });
    plot.over.addEventListener("mouseenter", () => { this.#hovered = true; });
    plot.over.addEventListener("mouseleave", () => {
      this.#hovered = false;
      this.#onPoint(null);
    });
    this.#plot = plot;
  }

  /** @param {uPlot} u */
  #point(u) {
    const { left = -1 } = u.cursor;
    if (!this.#hovered || left < 0) return this.#onPoint(null); // the cursor of another chart shows a line only
    const x = u.posToVal(left, "x");
    const margin = (NEAR * (spanOf(u).max - spanOf(u).min)) / u.over.clientWidth;
    const values = this.#drawn.flatMap(({ id, name, colour: at, line: { xs, drawn } }) => {
      const value = drawn[nearest(xs, x)];
      const outside = x < xs[0] - margin || x > xs[xs.length - 1] + margin;
      return outside || value === null || value === undefined ? [] : [{ id, name, colour: at, value }];
    });
    const marks = this.#drawn.flatMap(({ name, colour: at, marks: all }) => all
      .filter((mark) => Math.abs(u.valToPos(mark.x, "x") - left) <= NEAR)
      .map(({ text }) => ({ text: `${name}: ${text}`, colour: at })));
    const axis = chosenAxis.value;
    const place = axis === "epoch" ? `epoch ${Number(x.toFixed(2))}` : placeText(axis === "step" ? Math.round(x) : x, axis);
    this.#onPoint({ place, values: values.sort((a, b) => b.value - a.value), marks, left: u.over.offsetLeft + left });
  }
}

/**
 * Return the function that begins a drag: with Shift it moves the shown part, else it selects one.
 * @param {() => Span} everything
 * @returns {uPlot.Cursor.MouseListenerFactory}
 */
const panOrSelect = (everything) => (u, target, select) => (event) => {
  if (event.button !== 0) return null;
  if (!event.shiftKey) return select(event);
  pan(u, event, everything);
  return null;
};

/**
 * Return the part of the axis on which runs have points.
 * @param {DrawnRun[]} runs
 * @returns {Span}
 */
function everythingOf(runs) {
  let [min, max] = [Infinity, -Infinity];
  for (const { line: { xs } } of runs) {
    if (xs[0] < min) min = xs[0];
    if (xs[xs.length - 1] > max) max = xs[xs.length - 1];
  }
  if (min > max) return { min: 0, max: 1 };
  return min === max ? { min: min - 0.5, max: max + 0.5 } : { min, max };
}

/**
 * Return the part of a run that lies in a part of the axis.
 * @param {string} run
 * @param {CompareAxis} axis
 * @param {Span} shown
 * @returns {Range}
 */
function rangeOf(run, axis, { min, max }) {
  if (axis === "relative") return { axis: "time", since: start(run) + min, until: start(run) + max };
  if (axis === "step") return { axis, since: Math.ceil(min) - 1, until: Math.floor(max) };
  const { points } = curve(run, EPOCH);
  return { axis: "step", since: stepOf(points, min) - 1, until: stepOf(points, max) };
}
