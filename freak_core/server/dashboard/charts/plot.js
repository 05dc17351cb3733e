// One drawn chart: uPlot with the data and settings of a metric.

import { short } from "../lib/format.js";
import { dark } from "../lib/theme.js";
import { metrics, origin, refine } from "../live/metric-history.js";
import { onUpdate } from "../live/metric-updates.js";
import { effect, uPlot, untracked } from "../vendor.js";
import { axisOf, placeText } from "./axis.js";
import { drawMarkers, markers, placeMarkers } from "./markers.js";
import { axis as chosenAxis, logarithmic, smoothing } from "./settings.js";
import { smoothedLine, withDetail } from "./smoothed-line.js";
import { plotOptions } from "./uplot-options.js";
import { shownRange, zoom } from "./zoom.js";

/**
 * @import { Metric, Range } from "../live/metric-history.js"
 * @import { Summary } from "../live/metric-points.js"
 * @import { Axis } from "./axis.js"
 * @import { PlacedMarker } from "./markers.js"
 */

/**
 * What a chart shows, after each draw.
 * @typedef {Summary & {thinned: boolean, hidden: number, axis: Axis, markers: PlacedMarker[]}} ChartFacts
 */

/**
 * The point under the cursor: its text, the texts of the markers near it, and its distance from the chart's left side in
 * pixels. `at` is null without a cursor.
 * @typedef {{at: string | null, tip?: string[], left?: number}} PointerFacts
 */

/** A marker belongs to the cursor if it is within so many pixels. */
const NEAR = 7;
/** Markers in one tip. */
const MOST_IN_TIP = 5;
/** @type {Record<string, number>} */
const MOVES = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

export class Plot {
  #host;
  #name;
  #onDraw;
  #onPoint;
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {Axis} */
  #axis = "step";
  #log = false;
  #line = /** @type {ReturnType<typeof smoothedLine>} */ ({ xs: [], values: [], raw: [], smooth: [], hidden: 0 });
  /** @type {PlacedMarker[]} */
  #markers = [];
  #frame = 0;
  /** @type {typeof zoom.value} */
  #drawnZoom = null;
  /** @type {(() => void)[]} */
  #cleanups = [];

  /**
   * @param {HTMLElement} host the element to draw into, as wide as the chart shall be
   * @param {string} name the metric's
   * @param {(facts: ChartFacts) => void} onDraw is called after each draw
   * @param {(facts: PointerFacts) => void} onPoint is called when the cursor moves
   */
  constructor(host, name, onDraw, onPoint) {
    this.#host = host;
    this.#name = name;
    this.#onDraw = onDraw;
    this.#onPoint = onPoint;
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(host);
    this.#cleanups.push(
      () => resized.disconnect(),
      onUpdate(name, () => this.#draw()),
      effect(() => {
        if (zoom.value !== this.#drawnZoom) host.ariaBusy = "true";
        void [chosenAxis.value, logarithmic.value, smoothing.value, zoom.value, markers.value, origin.value, dark.value];
        cancelAnimationFrame(this.#frame);
        this.#frame = requestAnimationFrame(() => this.#draw());
      }),
      () => cancelAnimationFrame(this.#frame),
    );
  }

  destroy() {
    for (const cleanup of this.#cleanups) cleanup();
    this.#plot?.destroy();
  }

  /**
   * Handle a key: arrows move the cursor, + and − zoom around it, 0 and Escape show everything. Return whether the cursor
   * moved.
   * @param {KeyboardEvent} event
   */
  press(event) {
    const u = this.#plot;
    const { key } = event;
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (key in MOVES) this.#moveCursor(u, MOVES[key] * (event.shiftKey ? 10 : 1));
    else if (key === "+" || key === "=") this.#zoomBy(u, 0.5);
    else if (key === "-") this.#zoomBy(u, 2);
    else if ((key === "0" || key === "Escape") && zoom.value) zoom.value = null;
    else return false;
    event.preventDefault();
    return key in MOVES;
  }

  /**
   * @param {uPlot} u
   * @param {number} by points to the right
   */
  #moveCursor(u, by) {
    const { min = -Infinity, max = Infinity } = u.scales.x;
    const { xs } = this.#line;
    const visible = [...xs.keys()].filter((i) => xs[i] >= min && xs[i] <= max);
    if (!visible.length) return;
    const { left = -1, idx } = u.cursor;
    const now = left >= 0 && typeof idx === "number" ? visible.indexOf(idx) : by > 0 ? -1 : visible.length;
    const next = visible[Math.min(visible.length - 1, Math.max(0, now + by))];
    setCursor(u, xs[next]);
  }

  /**
   * @param {uPlot} u
   * @param {number} factor
   */
  #zoomBy(u, factor) {
    const { min = 0, max = 0 } = u.scales.x;
    const { left = -1 } = u.cursor;
    const middle = left >= 0 ? u.posToVal(left, "x") : (min + max) / 2;
    this.#zoomTo(middle - (middle - min) * factor, middle + (max - middle) * factor);
  }

  /**
   * @param {number} min
   * @param {number} max
   */
  #zoomTo(min, max) {
    const { xs } = this.#line;
    const everything = min <= xs[0] && max >= xs[xs.length - 1];
    if (max - min > 1e-6 || everything) zoom.value = everything ? null : { axis: this.#axis, min, max };
  }

  #resize() {
    const width = Math.floor(this.#host.clientWidth);
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: this.#host.clientHeight });
  }

  #draw() {
    untracked(() => {
      const metric = metrics.get(this.#name);
      if (!metric || this.#plot?.select.width || !this.#host.clientWidth) return; // a draw would end a drag
      const axis = axisOf(metric.points, chosenAxis.value);
      const rebuild = !this.#plot || axis !== this.#axis || logarithmic.value !== this.#log;
      this.#axis = axis;
      const range = shownRange(axis);
      const points = this.#points(metric, range);
      this.#line = smoothedLine(points, { axis, log: logarithmic.value, smoothing: smoothing.value, origin: origin.value });
      this.#markers = placeMarkers(markers.value, points, axis, origin.value);
      const { xs, raw, smooth } = this.#line;
      const data = /** @type {uPlot.AlignedData} */ ([xs, raw, smoothing.value > 0 ? smooth : xs.map(() => null)]);
      if (rebuild) this.#build(data);
      else this.#plot?.setData(data);
      this.#drawnZoom = zoom.value;
      this.#host.ariaBusy = String(Boolean(range && metric.detail?.waiting));
      this.#host.dataset.draws = String(Number(this.#host.dataset.draws ?? 0) + 1);
      this.#onDraw({ ...metric.summary, thinned: metric.thinned, hidden: this.#line.hidden, axis, markers: this.#markers });
    });
  }

  /**
   * Return the points to draw, and ask the server for more.
   * @param {Metric} metric
   * @param {Range | null} range
   */
  #points(metric, range) {
    refine(this.#name, null);
    if (!range) return metric.points;
    refine(this.#name, range); // this forgets the points of another range
    return metric.detail?.points ? withDetail(metric.points, metric.detail.points, range) : metric.points;
  }

  /** @param {uPlot.AlignedData} data */
  #build(data) {
    const { left = -1, idx = null } = this.#plot?.cursor ?? {};
    this.#plot?.destroy();
    this.#log = logarithmic.value;
    const plot = new uPlot(plotOptions({
      host: this.#host,
      axis: this.#axis,
      log: this.#log,
      isSmoothed: () => smoothing.value > 0,
      shownPart: () => (zoom.value?.axis === this.#axis ? zoom.value : null),
      onSelect: (min, max) => this.#zoomTo(min, max),
      onSelectEnd: () => this.#draw(), // there was no draw during the drag
      onReset: () => { zoom.value = null; },
      onPoint: (u) => this.#onPoint(this.#pointerFacts(u)),
      drawOnTop: (u, colour) => drawMarkers(u, this.#markers, colour),
    }), data, this.#host);
    this.#plot = plot;
    // The charts beside this one may have moved on: they keep their own places.
    if (left >= 0 && idx !== null && idx < data[0].length) setCursor(plot, data[0][idx], false);
  }

  /**
   * @param {uPlot} u
   * @returns {PointerFacts}
   */
  #pointerFacts(u) {
    const { left = -1, idx } = u.cursor;
    if (left < 0 || typeof idx !== "number") return { at: null };
    const { xs, values, smooth } = this.#line;
    const near = this.#markers.map(({ x, text }) => ({ x, text, distance: Math.abs(u.valToPos(x, "x") - left) }))
      .filter(({ distance }) => distance <= NEAR).sort((a, b) => a.distance - b.distance);
    const smoothValue = smoothing.value > 0 ? smooth[idx] ?? null : null;
    const value = smoothValue === null ? short(values[idx]) : `${short(smoothValue)}, raw ${short(values[idx])}`;
    return {
      at: `${placeText(xs[idx], this.#axis)}: ${value}`,
      tip: near.slice(0, MOST_IN_TIP).map(({ x, text }) => `${placeText(x, this.#axis)} · ${text}`),
      left: u.over.offsetLeft + left,
    };
  }
}

/**
 * Put the cursor on a place of the axis, and that of the charts beside this one if they are to be told.
 * @param {uPlot} u
 * @param {number} x
 * @param {boolean} tellOthers
 */
function setCursor(u, x, tellOthers = true) {
  // uPlot's types lack the third argument.
  const { setCursor: move } = /** @type {{setCursor: (at: uPlot.Cursor, fire: boolean, publish: boolean) => void}} */ (u);
  move({ left: u.valToPos(x, "x"), top: u.over.clientHeight / 2 }, true, tellOthers);
}
