// The points of the compared runs: a curve for each run and metric, asked for when a chart is seen.

import { get } from "../dashboard/live/api.js";
import { namesByRequest } from "../dashboard/live/metric-history.js";
import { Points } from "../dashboard/live/metric-points.js";
import { byId } from "../runs/listing.js";

/** @import { Row } from "../dashboard/lib/csv.js" */

/** A part of a run: after `since`, up to and including `until`. @typedef {{axis: "step" | "time", since: number, until: number}} Range */

/** Points of one curve that a chart shows: fewer if there are many curves. */
const MOST_POINTS = 500;
const MOST_OF_MANY = 300;
const MANY = 8;
/** Requests for parts of runs that are under way at once: a closer look at a long run takes the server a while. */
const AT_ONCE = 2;
const RETRY_MS = 2000;

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
/** Ends the requests for parts that nobody looks at any more. */
let parts = new AbortController();

/** Forget the questions for parts of runs: the charts show another part now. */
export function forgetParts() {
  parts.abort();
  parts = new AbortController();
  for (const [key, { range }] of [...questions]) if (range) questions.delete(key);
  for (const curves of byRun.values()) {
    for (const known of curves.values()) if (known.detail?.points === null) known.detail = null;
  }
}

/**
 * Ask for the points of a metric of some runs, unless they are known; with a range, for more points of that part.
 * @param {string[]} runs
 * @param {string} name
 * @param {(run: string) => Range | null} rangeOf the part of each run; null for all of it
 */
export function ask(runs, name, rangeOf) {
  /** @type {Map<string, {range: Range | null, runs: string[]}>} */
  const alike = new Map();
  for (const run of runs) {
    const [range, known] = [rangeOf(run), curve(run, name)];
    const key = JSON.stringify(range);
    const group = range ? `${run} ${key}` : key; // a part is asked for run by run, so that the first is soon there
    if (range ? known.detail?.key === key : known.asked) continue;
    if (range) known.detail = { key, range, points: null };
    else known.asked = true;
    const part = alike.get(group) ?? { range, runs: [] };
    part.runs.push(run);
    alike.set(group, part);
  }
  for (const { range, runs: asked } of alike.values()) {
    if (!questions.size) setTimeout(loadAll, 20);
    const key = JSON.stringify([range, asked]);
    const question = questions.get(key) ?? { range, runs: asked, names: new Set() };
    question.names.add(name);
    questions.set(key, question);
  }
}

async function loadAll() {
  const all = [...questions.values()].flatMap(({ range, runs, names }) => namesByRequest([...names]).map((list) => ({ range, runs, names: list })));
  questions.clear();
  const { signal } = parts;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = all.shift(); next; next = all.shift()) {
      if (!next.range) await load(next.runs, next.names, null);
      else if (!signal.aborted) await load(next.runs, next.names, next.range, signal);
    }
  }));
}

/**
 * Return the points by run and metric; null if the server does not answer, which the list of runs says.
 * @param {string[]} runs
 * @param {string[]} names
 * @param {Range | null} range
 * @param {AbortSignal} [signal]
 * @returns {Promise<Record<string, Record<string, Row[]>> | null>}
 */
async function answer(runs, names, range, signal) {
  const part = range && { axis: range.axis, since: String(range.since), until: String(range.until) };
  const most = runs.length > MANY ? MOST_OF_MANY : MOST_POINTS;
  const query = new URLSearchParams({ runs: runs.join(","), names: names.join(","), max_points: String(most), ...part });
  try {
    return await get(`series?${query}`, signal && { signal });
  } catch {
    return null;
  }
}

/**
 * @param {string[]} runs
 * @param {string[]} names
 * @param {Range | null} range
 * @param {AbortSignal} [signal]
 */
async function load(runs, names, range, signal) {
  const found = await answer(runs, names, range, signal);
  const curves = runs.flatMap((run) => names.map((name) => ({ known: curve(run, name), rows: found?.[run]?.[name] ?? [] })));
  for (const { known, rows } of curves) {
    if (range) takePart(known, JSON.stringify(range), found && rows);
    else if (found) take(known, rows);
    else known.asked = false;
  }
  if (found) tell(names);
  else if (!range) setTimeout(() => tell(names), RETRY_MS);
}

/**
 * @param {Curve} known
 * @param {string} key of the part
 * @param {Row[] | null} rows
 */
function takePart(known, key, rows) {
  if (!rows || known.detail?.key !== key) return;
  known.detail.points = Points.from(rows.map(point));
  known.version += 1;
}

/**
 * @param {Curve} known
 * @param {Row[]} rows
 */
function take(known, rows) {
  known.points = Points.from(rows.map(point));
  known.loaded = true;
  known.version += 1;
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
