// Follows the run: a snapshot first, then every event. Reconnects by itself and continues after the last event.

import { parse } from "../lib/json.js";
import { batch } from "../vendor.js";
import { call, get, HttpError, httpError } from "./api.js";
import { eventParser } from "./event-parser.js";
import { loadSeries, takeMetrics } from "./metric-history.js";
import { nextFit, rememberFit } from "./next-fit.js";
import { announced, receipts, takeReceipts } from "./receipts.js";
import {
  actions, connection, denial, ended, facts, factsOfProgress, heardAt, isEnding, schema, takeFacts, takeState,
} from "./run.js";
import { listUrl, takeFragment } from "./token.js";

/**
 * @import { EventSourceMessage } from "../vendor.js"
 * @import { Facts } from "./run.js"
 */

export const RECEIPTS_AT_FIRST = 300;
const LONGEST_WAIT_MS = 5000;
const OPEN_WITHIN_MS = 10_000;
const SNAPSHOT_WITHIN_MS = 60_000;
const POLL_MS = 2000;
const ANSWER_WITHIN_MS = 5000;
const SILENCE_MS = 45_000; // the server sends a ping every 15 s
const REST_AFTER_MS = 30_000; // since the page was hidden
const POLL_AT_REST_MS = 20_000;

let stream = new AbortController();
let retryNow = () => {};
/** The id of the run that the page shows. @type {string | undefined} */
let shownRun;
/** Whether the page has seen that run live. */
let wasLive = false;
/** Whether the page has been hidden for a while. Then it has no stream: browsers allow six connections to a server. */
let resting = false;
let wake = () => {};
let polledAt = 0;
let unanswered = 0;
/** Facts of events since the poll under way was sent. They are newer than its answer. @type {Facts | null} */
let newerFacts = null;

/**
 * Return the result of `work`. Aborts the stream if that takes longer than `ms`.
 * @template T
 * @param {number} ms
 * @param {Promise<T>} work
 */
async function within(ms, work) {
  const current = stream;
  const timer = setTimeout(() => current.abort(), ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Return the JSON of a route, null if it does not exist: the folder of a run that has ended may lack it.
 * @param {string} route
 */
const getIfThere = (route) => get(route, { signal: stream.signal }).catch((error) => {
  if (error instanceof HttpError && error.status === 404) return null;
  throw error;
});

async function loadSnapshot() {
  const [run, value, history, stateSchema, actionsByName] = await Promise.all(
    ["run", "state", `receipts?last=${RECEIPTS_AT_FIRST}`, "schema", "actions"].map(getIfThere),
  );
  if (run === null) throw new HttpError("there is no such run", 404);
  batch(() => {
    if (shownRun !== undefined && shownRun !== run.id) rememberFit();
    if (shownRun !== run.id) {
      receipts.value = new Map(); // another run now uses the same port
      wasLive = false;
    }
    shownRun = run.id;
    facts.value = {};
    newerFacts = null; // the answer of a poll under way may be about the other run
    takeFacts(run);
    takeState({ revision: run.revision, value });
    takeReceipts(history ?? []);
    schema.value = stateSchema ?? {};
    actions.value = actionsByName ?? {};
    wasLive ||= !ended.value;
  });
  await loadSeries({ signal: stream.signal });
}

/** @param {Facts} news */
function takeNewFacts(news) {
  if (newerFacts) Object.assign(newerFacts, news);
  takeFacts(news);
}

/**
 * Update the page with an event of the stream.
 * @param {EventSourceMessage} message
 */
async function takeEvent({ event, data }) {
  if (event === "reset") return within(SNAPSHOT_WITHIN_MS, loadSnapshot()); // the server has forgotten some events
  if (event === "state") takeState(parse(data));
  if (event === "receipt") {
    const receipt = parse(data);
    takeReceipts([receipt]);
    announced.value = receipt;
  }
  if (event === "run") takeNewFacts(JSON.parse(data));
  if (event === "progress") takeNewFacts(factsOfProgress(JSON.parse(data)));
  if (event === "metrics") takeMetrics(JSON.parse(data));
}

/**
 * Open the stream after the event with an id, or at the newest event.
 * @param {string | null} lastId
 */
async function openStream(lastId) {
  const response = await call("events", { headers: lastId ? { "Last-Event-ID": lastId } : {}, signal: stream.signal });
  if (!response.ok) throw await httpError(response);
  return /** @type {ReadableStream<BufferSource>} */ (response.body);
}

/** Return whether the run has ended meanwhile, and is read from its folder: it would send all of its events again. */
const hasEnded = async () => listUrl !== null && isEnding((await get("run", { signal: stream.signal })).phase);

/**
 * Read the stream until it ends.
 * @param {string | null} lastId
 * @param {(id: string) => void} seen is called with the id of each block
 */
async function readStream(lastId, seen) {
  stream = new AbortController();
  const after = lastId && !(await within(OPEN_WITHIN_MS, hasEnded())) ? lastId : null;
  const body = await within(OPEN_WITHIN_MS, openStream(after));
  if (!after) await within(SNAPSHOT_WITHIN_MS, loadSnapshot());
  connection.value = "live";
  heardAt.value = Date.now();
  poll();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const blocksIn = eventParser();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heardAt.value = Date.now();
    for (const { id, message } of blocksIn(value)) {
      if (message) await takeEvent(message);
      if (id) seen(id); // after the event: a snapshot that fails must be loaded again
    }
  }
}

/**
 * Wait before the next try: longer each time, and a random part, so that not all pages reconnect at once. `retryNow`
 * ends the wait.
 * @param {number} tries
 */
function waitToRetry(tries) {
  const longest = Math.min(LONGEST_WAIT_MS, 250 * 2 ** tries);
  return /** @type {Promise<void>} */ (new Promise((resolve) => {
    const timer = setTimeout(resolve, longest * (0.5 + Math.random() / 2));
    retryNow = () => { clearTimeout(timer); resolve(); };
  }));
}

/**
 * Say that access is denied, or, once the page has shown the run, that it is gone: another program has its address.
 * @param {string} why
 */
function deny(why) {
  denial.value = why;
  connection.value = shownRun === undefined ? "denied" : "gone";
}

/** Follow the run until it has ended or access is denied; then the next fit of the same program. */
export async function followRun() {
  /** @type {string | null} */
  let lastId = null;
  for (let tries = 0; ; tries += 1) {
    if (resting) await /** @type {Promise<void>} */ (new Promise((resolve) => { wake = resolve; }));
    try {
      await readStream(lastId, (id) => { lastId = id; tries = 0; });
    } catch (error) {
      if (error instanceof HttpError && (error.status === 401 || error.status === 403)) {
        deny(error.message);
        return;
      }
    }
    if (resting) continue;
    if (ended.value) {
      if (!(await nextFit(wasLive))) return;
      lastId = null;
      continue;
    }
    if (connection.value === "live") connection.value = "disconnected";
    await waitToRetry(tries);
  }
}

/** Return whether to poll now. A hidden page polls too: its title stays visible. */
function shouldPoll() {
  if (newerFacts || ended.value || ["denied", "gone"].includes(connection.value)) return false;
  return resting ? Date.now() - polledAt >= POLL_AT_REST_MS : connection.value === "live" && !document.hidden;
}

/** Ask for what no event tells: steps per second, and the time since the last progress. Aborts a stream that is silent. */
async function poll() {
  if (!shouldPoll()) return;
  /** @type {Facts} */
  const newer = newerFacts = {};
  const polled = stream;
  polledAt = Date.now();
  try {
    const news = await get("run", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    // Of another run that has this address now, the stream brings a snapshot.
    if (newerFacts === newer && news.id === shownRun) takeFacts({ ...news, ...newer });
    unanswered = 0;
    if (resting) heardAt.value = Date.now();
  } catch {
    unanswered += 1;
  }
  if (newerFacts === newer) newerFacts = null;
  if (resting) connection.value = unanswered > 1 ? "disconnected" : "live";
  else if (unanswered > 1 || Date.now() - heardAt.value > SILENCE_MS) {
    unanswered = 0;
    polled.abort();
  }
}

/** @type {number | undefined} */
let restTimer;

function rest() {
  resting = true;
  stream.abort();
  poll();
}

/** Rest when the page has been hidden for a while. Continue after the last event when it is visible again. */
function onVisibility() {
  clearTimeout(restTimer);
  if (document.hidden) restTimer = setTimeout(rest, REST_AFTER_MS);
  else if (resting) {
    resting = false;
    unanswered = 0;
    heardAt.value = Date.now();
    wake();
  }
  reconnect();
}

function reconnect() {
  if (document.hidden) return;
  retryNow();
  poll();
}

setInterval(poll, POLL_MS);
window.addEventListener("online", reconnect);
window.addEventListener("focus", reconnect);
document.addEventListener("visibilitychange", onVisibility);
onVisibility();
// A link to this page, pasted into this tab, changes the fragment only.
window.addEventListener("hashchange", () => { if (takeFragment()) location.reload(); });
