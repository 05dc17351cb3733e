// The history of every metric: what the server remembers, and the points that have arrived since.

import { signal } from "../vendor.js";
import { get } from "./api.js";
import { Points, summary, thin } from "./metric-points.js";
import { updateMetric } from "./metric-updates.js";
import { facts } from "./run.js";

/** @import { Row } from "../lib/csv.js" */

/**
 * A part of the run: after `since`, up to and including `until`.
 * @typedef {{axis: "step" | "time", since: number, until: number}} Range
 */

/** Points that a chart asks for, of the whole run or of the part that it shows. */
const POINTS_OF_A_CHART = 1000;
/** Points of one metric in the browser. When there are twice as many, they are thinned. */
const KEPT_POINTS = 2000;
/** The stream may repeat points of this many seconds before the server's answer. */
const OVERLAP_S = 60;
/** Names in one request. */
const NAMES_AT_ONCE = 40;

/** What this page knows of each metric, by its name. @type {Map<string, Metric>} */
export const metrics = new Map();
/** The names of all metrics in order: `a2` before `a10`. */
export const names = signal(/** @type {string[]} */ ([]));
/** The time of the run's first point, in seconds since the epoch. */
export const origin = signal(Infinity);

const byName = new Intl.Collator("en", { numeric: true });
/** @type {string | undefined} */
let run;

export class Metric {
  points = new Points();
  /** A part of the run with more points, see `refine`. @type {{key: string, waiting: boolean, points: Points | null} | null} */
  detail = null;
  /** Whether the server may know more points. */
  stale = true;
  /** Whether points were left out. */
  thinned = false;
  /** The time of the last point in the server's answer. */
  answeredUntil = -Infinity;

  /**
   * Add a point of the stream.
   * @param {number | null | undefined} step
   * @param {number} at
   * @param {number | null} value
   */
  take(step, at, value) {
    if (at <= this.answeredUntil && at > this.answeredUntil - OVERLAP_S) return;
    this.points.push(step, at, value);
    if (this.points.length <= 2 * KEPT_POINTS) return;
    this.points = thin(this.points, KEPT_POINTS);
    this.thinned = true;
  }

  /**
   * Replace the points by the server's answer, and keep those that are newer.
   * @param {Row[]} rows
   * @param {number} atMost how many were asked for
   */
  replace(rows, atMost) {
    const answer = Points.from(rows);
    const until = answer.times.at(-1) ?? -Infinity;
    this.points = answer.concat(this.points.where((_, time) => time > until));
    this.answeredUntil = until;
    this.thinned = rows.length >= (atMost - 2) / 3; // the server never thins to fewer
  }

  get summary() {
    return summary(this.points);
  }
}

/** @param {string} name */
function metric(name) {
  const known = metrics.get(name) ?? new Metric();
  metrics.set(name, known);
  return known;
}

function sortNames() {
  if (metrics.size === names.value.length) return;
  names.value = [...metrics.keys()].sort(byName.compare);
}

/**
 * Load the names of all metrics, each with its first, lowest, highest and last point. A chart asks for more points when
 * it is seen.
 * @param {RequestInit} [options]
 */
export async function loadSeries(options) {
  const found = await get("series?max_points=5", options);
  if (run !== facts.value.id) {
    metrics.clear();
    origin.value = Infinity;
  }
  run = facts.value.id;
  for (const [name, rows] of /** @type {[string, Row[]][]} */ (Object.entries(found))) {
    const known = metric(name);
    if (!known.points.length) known.replace(rows, Infinity);
    known.stale = true;
    known.detail = null;
    if (rows.length) origin.value = Math.min(origin.value, rows[0][1]);
    updateMetric(name);
  }
  sortNames();
}

/**
 * Add the points of a metrics event.
 * @param {{step: number | null, at: number, values: Record<string, unknown>}} event
 */
export function takeMetrics({ step, at, values }) {
  if (at < origin.value) origin.value = at;
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "number" && typeof value !== "boolean" && value !== null) continue;
    const known = metric(name);
    if (known.points.length === 0) known.stale = false;
    known.take(step, at, value === null ? null : Number(value));
    updateMetric(name);
  }
  sortNames();
}

/**
 * Return the route that reads metrics.
 * @param {string[]} wanted names
 * @param {Range | null} range null for the whole run
 * @param {number} atMost points of each metric
 */
export function seriesRoute(wanted, range, atMost) {
  const part = range && { axis: range.axis, since: String(range.since), until: String(range.until) };
  return `series?${new URLSearchParams({ names: wanted.join(","), max_points: String(atMost), ...part })}`;
}

/**
 * Return lists of names, each for one request. A name with a comma needs a request of its own.
 * @param {string[]} wanted
 */
export function namesByRequest(wanted) {
  const plain = wanted.filter((name) => !name.includes(","));
  const lists = wanted.filter((name) => name.includes(",")).map((name) => [name]);
  for (let i = 0; i < plain.length; i += NAMES_AT_ONCE) lists.push(plain.slice(i, i + NAMES_AT_ONCE));
  return lists;
}

/** Questions that are collected for a moment, so that many charts share a request. @type {Map<string, {range: Range | null, names: string[]}>} */
const questions = new Map();

/**
 * Ask the server for more points of a metric. `updateMetric` tells when they have come.
 * @param {string} name
 * @param {Range | null} range null for the whole run
 */
export function refine(name, range) {
  const key = JSON.stringify(range);
  const known = metric(name);
  if (range ? known.detail?.key === key : !known.stale) return;
  if (range) known.detail = { key, waiting: true, points: null };
  else known.stale = false;
  if (!questions.size) setTimeout(loadAll, 30);
  questions.set(key, { range, names: [...(questions.get(key)?.names ?? []), name] });
}

async function loadAll() {
  const all = [...questions];
  questions.clear();
  for (const [key, { range, names: wanted }] of all) {
    for (const list of namesByRequest(wanted)) await load(key, range, list);
  }
}

/**
 * @param {string} key
 * @param {Range | null} range
 * @param {string[]} list
 */
async function load(key, range, list) {
  try {
    const found = await get(seriesRoute(list, range, POINTS_OF_A_CHART));
    for (const [name, rows] of Object.entries(found)) {
      const known = metric(name);
      if (!range) known.replace(rows, POINTS_OF_A_CHART);
      else if (known.detail?.key === key) known.detail = { key, waiting: false, points: Points.from(rows) };
      updateMetric(name);
    }
  } catch { // the event stream shows a lost connection; after it, or when the chart is seen again, it asks again
    for (const name of list) {
      const known = metric(name);
      if (!range) known.stale = true;
      else if (known.detail?.key === key) known.detail.waiting = false;
      if (range) updateMetric(name);
    }
  }
}
