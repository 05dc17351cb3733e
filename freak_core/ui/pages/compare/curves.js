// The points of the compared runs: a curve for each run and metric, asked for when a chart is seen.

import { get } from "../dashboard/live/api.js";
import { namesByRequest } from "../dashboard/live/metric-history.js";
import { Points } from "../dashboard/live/metric-points.js";
import { byId } from "../runs/listing.js";

/** @import { Row } from "../dashboard/lib/csv.js" */

/** A part of a run: after `since`, up to and including `until`. @typedef {{axis: "step" | "time", since: number, until: number}} Range */

/** Points of one curve that a chart shows. */
const MOST_POINTS = 500;
/** Requests for parts of runs that are under way at once. */
const AT_ONCE = 4;

export class Curve {
  points = new Points();
  /** Whether the points were asked for, and nothing newer is known. */
  asked = false;
  /** Whether an answer has come. */
  loaded = false;
  /** A part with more points. @type {{key: string, range: Range, points: Points | null} | null} */
  detail = null;
  /** Grows with every change of the points. */
  version = 0;
}

/** @type {Map<string, Map<string, Curve>>} */
const byRun = new Map();
/** Functions that draw a metric's chart. @type {Map<() => void, string>} */
const listeners = new Map();

/**
 * @param {string} run
 * @param {string} name
 */
export function curve(run, name) {
  const curves = byRun.get(run) ?? new Map();
  byRun.set(run, curves);
  const known = curves.get(name) ?? new Curve();
  curves.set(name, known);
  return known;
}

/**
 * Call `draw` when a metric has new points. Returns a function that ends it.
 * @param {string} name
 * @param {() => void} draw
 */
export function onPoints(name, draw) {
  listeners.set(draw, name);
  return () => { listeners.delete(draw); };
}

/** @param {Iterable<string>} names */
function tell(names) {
  const changed = new Set(names);
  for (const [draw, name] of [...listeners]) if (changed.has(name)) draw();
}

/**
 * Return when a run began, in seconds since the epoch: the zero of relative time.
 * @param {string} run
 */
export function start(run) {
  const at = byId.value.get(run)?.started_at;
  if (at) return Date.parse(at) / 1000;
  const first = [...(byRun.get(run)?.values() ?? [])].map(({ points }) => points.times[0] ?? Infinity);
  return Math.min(Infinity, ...first);
}

/** Questions that are collected for a moment, so that many charts share a request. @type {Map<string, {range: Range | null, runs: string[], names: Set<string>}>} */
const questions = new Map();

/**
 * Ask for the points of a metric of some runs, unless they are known; with a range, for more points of that part.
 * @param {string[]} runs
 * @param {string} name
 * @param {(run: string) => Range | null} rangeOf the part of each run; null for all of it
 */
export function ask(runs, name, rangeOf) {
  /** @type {Map<string, {range: Range | null, runs: string[]}>} */
  const parts = new Map();
  for (const run of runs) {
    const [range, known] = [rangeOf(run), curve(run, name)];
    const key = JSON.stringify(range);
    if (range ? known.detail?.key === key : known.asked) continue;
    if (range) known.detail = { key, range, points: null };
    else known.asked = true;
    const part = parts.get(key) ?? { range, runs: [] };
    part.runs.push(run);
    parts.set(key, part);
  }
  for (const { range, runs: alike } of parts.values()) {
    if (!questions.size) setTimeout(loadAll, 20);
    const key = JSON.stringify([range, alike]);
    const question = questions.get(key) ?? { range, runs: alike, names: new Set() };
    question.names.add(name);
    questions.set(key, question);
  }
}

async function loadAll() {
  const all = [...questions.values()].flatMap(({ range, runs, names }) => namesByRequest([...names]).map((list) => ({ range, runs, names: list })));
  questions.clear();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = all.shift(); next; next = all.shift()) await load(next.runs, next.names, next.range);
  }));
}

/**
 * @param {string[]} runs
 * @param {string[]} names
 * @param {Range | null} range
 */
async function load(runs, names, range) {
  const part = range && { axis: range.axis, since: String(range.since), until: String(range.until) };
  const query = new URLSearchParams({ runs: runs.join(","), names: names.join(","), max_points: String(MOST_POINTS), ...part });
  const key = JSON.stringify(range);
  /** @type {Record<string, Record<string, Row[]>>} */
  let found = {};
  let failed = false;
  try {
    found = await get(`series?${query}`);
  } catch { // the list of runs says that the server does not answer
    failed = true;
  }
  for (const run of runs) {
    for (const name of names) {
      const known = curve(run, name);
      if (failed) known.asked = range ? known.asked : false;
      else if (range === null) take(known, found[run]?.[name] ?? []);
      else if (known.detail?.key === key) known.detail.points = Points.from((found[run]?.[name] ?? []).map(point));
      known.version += 1;
    }
  }
  tell(names);
}

/**
 * @param {Curve} known
 * @param {Row[]} rows
 */
function take(known, rows) {
  known.points = Points.from(rows.map(point));
  known.loaded = true;
}

/**
 * Return step, time and value: the server also tells the segment.
 * @param {Row} row
 * @returns {Row}
 */
const point = ([step, at, value]) => [step, at, value];

/** Ask again for the points of runs that go on: charts on the screen ask when they are drawn. */
export function refreshLive() {
  /** @type {Set<string>} */
  const names = new Set();
  for (const [run, curves] of byRun) {
    if (!byId.value.get(run)?.alive) continue;
    for (const [name, known] of curves) {
      if (!known.loaded) continue;
      known.asked = false;
      names.add(name);
    }
  }
  tell(names);
}
