// One drawn chart: uPlot, told what to show by the settings and the metric.

import { axis as chosenAxis, logarithmic, smoothing } from "./settings.js";
import { drawMarkers, markers, placed } from "./markers.js";
import { rangeOn, zoom } from "./zoom.js";
import { axisOf, curve, zoomedIn } from "./smoothed-line.js";
import { place, short } from "../lib/format.js";
import { plotOptions } from "./uplot-options.js";
import { watch } from "../live/metric-updates.js";
import { metrics, origin, refine } from "../live/metric-history.js";
import { dark } from "../lib/theme.js";
import { effect, uPlot, untracked } from "../vendor.js";

/** Pixels within which a marker belongs to the pointer. */
const NEAR = 7;

export class Plot {
  #host;
  #name;
  #say;
  #plot = null;
  #axis = null;
  #curve = null;
  #markers = [];
  #frame = 0;
  #zoom = null;
  #endings = [];

  /**
   * @param host element to draw into, as wide as the chart shall be.
   * @param say called with `{gaps, thinned, hidden, ...}` after each draw, and with `{at, marker}` as the pointer moves.
   */
  constructor(host, name, say) {
    this.#host = host;
    this.#name = name;
    this.#say = say;
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(host);
    this.#endings.push(
      () => resized.disconnect(),
      watch(name, () => this.#draw()),
      effect(() => {
        if (zoom.value !== this.#zoom) host.ariaBusy = "true";
        void [chosenAxis.value, logarithmic.value, smoothing.value, zoom.value, markers.value, origin.value, dark.value];
        cancelAnimationFrame(this.#frame);
        this.#frame = requestAnimationFrame(() => this.#draw());
      }),
      () => cancelAnimationFrame(this.#frame),
    );
  }

  destroy() {
    for (const end of this.#endings) end();
    this.#plot?.destroy();
  }

  /** Answer a key: arrows move the cursor, + and − zoom around it, 0 and Escape show everything. Return whether it moved. */
  press(event) {
    const u = this.#plot;
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key in moves) this.#move(moves[event.key] * (event.shiftKey ? 10 : 1));
    else if (event.key === "+" || event.key === "=") this.#zoomBy(0.5);
    else if (event.key === "-") this.#zoomBy(2);
    else if ((event.key === "0" || event.key === "Escape") && zoom.value) zoom.value = null;
    else return false;
    event.preventDefault();
    return event.key in moves;
  }

  #move(by) {
    const u = this.#plot;
    const { min, max } = u.scales.x;
    const inSight = [...this.#curve.xs.keys()].filter((i) => this.#curve.xs[i] >= min && this.#curve.xs[i] <= max);
    if (!inSight.length) return;
    const now = u.cursor.left >= 0 && u.cursor.idx != null ? inSight.indexOf(u.cursor.idx) : by > 0 ? -1 : inSight.length;
    const next = inSight[Math.min(inSight.length - 1, Math.max(0, now + by))];
    this.#pointAt(this.#curve.xs[next]);
  }

  #zoomBy(factor) {
    const u = this.#plot;
    const { min, max } = u.scales.x;
    const middle = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : (min + max) / 2;
    this.#zoomTo(middle - (middle - min) * factor, middle + (max - middle) * factor);
  }

  #zoomTo(min, max) {
    const { xs } = this.#curve;
    const everything = min <= xs[0] && max >= xs.at(-1);
    if (max - min > 1e-6 || everything) zoom.value = everything ? null : { axis: this.#axis, min, max };
  }

  #resize() {
    const width = Math.floor(this.#host.clientWidth);
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: this.#host.clientHeight });
  }

  /** Return the part of the axis that is shown, or null for everything. */
  #zoomed() {
    return zoom.value?.axis === this.#axis ? zoom.value : null;
  }

  #draw() {
    untracked(() => {
      const known = metrics.get(this.#name);
      if (!known || this.#plot?.select.width || !this.#host.clientWidth) return; // not under a pointer that selects
      const axis = axisOf(known.points, chosenAxis.value);
      const rebuild = !this.#plot || axis !== this.#axis || logarithmic.value !== this.#plot.freakLog;
      this.#axis = axis;
      refine(this.#name, null);
      const range = rangeOn(axis);
      if (range) refine(this.#name, range);
      const points = range && known.detail?.points ? zoomedIn(known.points, known.detail.points, range) : known.points;
      this.#curve = curve(points, { axis, log: logarithmic.value, smoothing: smoothing.value, origin: origin.value });
      this.#markers = placed(markers.value, points, axis, origin.value);
      const { xs, raw, smooth } = this.#curve;
      const data = [xs, raw, smoothing.value > 0 ? smooth : xs.map(() => null)];
      if (rebuild) this.#build(data);
      else this.#plot.setData(data);
      this.#zoom = zoom.value;
      this.#host.ariaBusy = String(Boolean(range && known.detail?.waiting));
      this.#host.dataset.draws = Number(this.#host.dataset.draws ?? 0) + 1;
      this.#say({ ...known.summary, thinned: known.thinned, hidden: this.#curve.hidden, axis, markers: this.#markers });
    });
  }

  #build(data) {
    const { left = -1, idx = null } = this.#plot?.cursor ?? {};
    this.#plot?.destroy();
    const log = logarithmic.value;
    this.#plot = new uPlot(plotOptions({
      host: this.#host,
      axis: this.#axis,
      log,
      faint: () => smoothing.value > 0,
      part: () => this.#zoomed(),
      select: (min, max) => this.#zoomTo(min, max),
      reset: () => { zoom.value = null; },
      selected: () => this.#draw(),
      point: (u) => this.#point(u),
      marks: (u, colour) => drawMarkers(u, this.#markers, colour),
    }), data, this.#host);
    this.#plot.freakLog = log;
    if (left >= 0 && idx !== null && idx < data[0].length) this.#pointAt(data[0][idx]);
  }

  #pointAt(x) {
    const u = this.#plot;
    u.setCursor({ left: u.valToPos(x, "x"), top: u.over.clientHeight / 2 }, true, true);
  }

  #point(u) {
    const { left, idx } = u.cursor;
    if (left == null || left < 0 || idx == null) return this.#say({ at: null });
    const { xs, values, smooth } = this.#curve;
    const near = this.#markers.map(({ x, text }) => ({ x, text, off: Math.abs(u.valToPos(x, "x") - left) }))
      .filter(({ off }) => off <= NEAR).sort((a, b) => a.off - b.off);
    const value = smoothing.value > 0 && smooth[idx] != null ? `${short(smooth[idx])}, raw ${short(values[idx])}` : short(values[idx]);
    this.#say({
      at: `${place(xs[idx], this.#axis)}: ${value}`,
      tip: near.slice(0, 5).map(({ x, text }) => `${place(x, this.#axis)} · ${text}`),
      left: u.over.offsetLeft + left,
    });
  }
}
