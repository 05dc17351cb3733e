// The history of every metric: what the server remembers, and what arrives since.

import { get } from "./api.js";
import { Points, summary, thin } from "./metric-points.js";
import { touch } from "./metric-updates.js";
import { facts } from "./run.js";
import { signal } from "../vendor.js";

/** Points that a chart asks for, of the whole run or of the part that it shows. */
const DETAIL = 1000;
/** Points of one metric in the browser; when there are twice as many, they are thinned. */
const KEEP = 2000;
/** Seconds in which the stream may repeat what the server's answer held already. */
const OVERLAP = 60;

/** What is known of each metric by its name. */
export const metrics = new Map();
/** Names of all metrics in their order: `a2` before `a10`. */
export const names = signal([]);
/** Seconds since the epoch when the first point was told. */
export const origin = signal(Infinity);

const byName = new Intl.Collator("en", { numeric: true });
let run = null;

class Metric {
  points = new Points();
  /** A part of the run in more detail, see `refine`: `{key, waiting, points}`; null while unknown. */
  detail = null;
  /** Whether the server may know more than `points` hold. */
  stale = true;
  /** Whether points are left out between those in `points`. */
  thinned = false;
  /** Time of the last point that came in an answer. */
  answered = -Infinity;

  take(step, at, value) {
    if (at <= this.answered && at > this.answered - OVERLAP) return;
    this.points.push(step, at, value);
    if (this.points.length <= 2 * KEEP) return;
    this.points = thin(this.points, KEEP);
    this.thinned = true;
  }

  /** Take an answer in place of what it covers; points that have arrived since stay. */
  replace(rows, atMost) {
    const answer = Points.from(rows);
    const until = answer.times.at(-1) ?? -Infinity;
    this.points = answer.concat(this.points.where((_, time) => time > until));
    this.answered = until;
    this.thinned = rows.length >= (atMost - 2) / 3; // fewer points are never thinned to so many
  }

  get summary() {
    return summary(this.points);
  }
}

function metric(name) {
  if (!metrics.has(name)) metrics.set(name, new Metric());
  return metrics.get(name);
}

function arrange() {
  if (metrics.size === names.value.length) return;
  names.value = [...metrics.keys()].sort(byName.compare);
}

/** Read what metrics there are, with first, lowest, highest and last point; charts ask for more when they are seen. */
export async function loadSeries(options) {
  const found = await get("series?max_points=5", options);
  if (run !== facts.value.id) {
    metrics.clear();
    origin.value = Infinity;
  }
  run = facts.value.id;
  for (const [name, rows] of Object.entries(found)) {
    const known = metric(name);
    if (!known.points.length) known.replace(rows, Infinity);
    known.stale = true;
    known.detail = null;
    if (rows.length) origin.value = Math.min(origin.value, rows[0][1]);
    touch(name);
  }
  arrange();
}

/** Take what the program has just told. */
export function takeMetrics({ step, at, values }) {
  if (at < origin.value) origin.value = at;
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "number" && typeof value !== "boolean" && value !== null) continue;
    const known = metric(name);
    if (known.points.length === 0) known.stale = false;
    known.take(step, at, value === null ? null : Number(value));
    touch(name);
  }
  arrange();
}

/** Return the route that reads metrics by name, in a range `{axis, since, until}` or without one. */
export function route(wanted, range, atMost) {
  const options = new URLSearchParams({ names: wanted.join(","), max_points: atMost, ...range });
  return `series?${options}`;
}

/** Return lists of names that can be asked for together. */
export function together(wanted) {
  const [alone, plain] = [wanted.filter((name) => name.includes(",")), wanted.filter((name) => !name.includes(","))];
  const lists = alone.map((name) => [name]);
  for (let i = 0; i < plain.length; i += 40) lists.push(plain.slice(i, i + 40));
  return lists;
}

const asked = new Map();

/**
 * Ask the server for more points of a metric: of the whole run, where `range` is null, or of a range
 * `{axis: "step" | "time", since, until}`. What comes is told by `touch`.
 */
export function refine(name, range) {
  const key = range && JSON.stringify(range);
  const known = metric(name);
  if (range ? known.detail?.key === key : !known.stale) return;
  if (range) known.detail = { key, waiting: true, points: null };
  else known.stale = false;
  if (!asked.size) setTimeout(answerAll, 30);
  asked.set(key, { range, names: [...(asked.get(key)?.names ?? []), name] });
}

async function answerAll() {
  const questions = [...asked];
  asked.clear();
  for (const [key, { range, names: wanted }] of questions) {
    for (const list of together(wanted)) await answer(key, range, list);
  }
}

async function answer(key, range, list) {
  try {
    const found = await get(route(list, range, DETAIL));
    for (const [name, rows] of Object.entries(found)) {
      const known = metric(name);
      if (!range) known.replace(rows, DETAIL);
      else if (known.detail?.key === key) known.detail = { key, waiting: false, points: Points.from(rows) };
      touch(name);
    }
  } catch { // the stream notices; reconnecting or looking again asks again
    for (const name of list) {
      if (!range) metric(name).stale = true;
      else if (metric(name).detail?.key === key) metric(name).detail.waiting = false;
      if (range) touch(name);
    }
  }
}
