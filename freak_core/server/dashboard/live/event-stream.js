// Follows the run: one snapshot, then every event. Reconnects by itself and catches up where it was.

import { call, get } from "./api.js";
import { parse } from "../lib/json.js";
import {
  actions, connection, denial, ended, facts, heardAt, newest, progressed, receipts, schema, takeFacts, takeReceipts, takeState,
} from "./run.js";
import { loadSeries, takeMetrics } from "./metric-history.js";
import { takeFragment } from "./token.js";
import { batch } from "../vendor.js";

export const RECEIPTS_AT_FIRST = 300;
const LONGEST_WAIT_MS = 5000;
const OPEN_WITHIN_MS = 10_000;
const SNAPSHOT_WITHIN_MS = 60_000;
const POLL_MS = 2000;
const ANSWER_WITHIN_MS = 5000;
const SILENCE_MS = 45_000; // the server says something every 15 s
const REST_AFTER_MS = 30_000; // out of sight
const POLL_AT_REST_MS = 20_000;

let stream = new AbortController();
let retryNow = () => {};
let shownRun = null;
/** Whether nobody has looked for a while. Then there is no stream: a browser has six connections for all pages of a run. */
let resting = false;
let wake = () => {};
let askedAt = 0;
let unanswered = 0;
/** The question for the run's pace that is under way: what events have told since, as the answer may be from before. */
let question = null;

/** Return what `work` on the stream comes to; gives the stream up where that takes longer. */
async function within(ms, work) {
  const worked = stream;
  const timer = setTimeout(() => worked.abort(), ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

async function snapshot() {
  const [run, value, history, described, callable] = await Promise.all(
    ["run", "state", `receipts?last=${RECEIPTS_AT_FIRST}`, "schema", "actions"].map((route) => get(route, { signal: stream.signal })),
  );
  batch(() => {
    if (shownRun !== run.id) receipts.value = new Map(); // another run on the same port
    shownRun = run.id;
    facts.value = {};
    question = null; // its answer may be about what was
    takeFacts(run);
    takeState({ revision: run.revision, value });
    takeReceipts(history);
    schema.value = described;
    actions.value = callable;
  });
  await loadSeries({ signal: stream.signal });
}

function take(type, data) {
  if (type === "state") takeState(data);
  if (type === "receipt") {
    takeReceipts([data]);
    newest.value = data;
  }
  if (type === "run" || type === "progress") {
    const told = type === "run" ? data : progressed(data);
    if (question) Object.assign(question, told);
    takeFacts(told);
  }
  if (type === "metrics") takeMetrics(data);
}

/** Open the stream after the event with an id, or at the newest. */
async function open(lastId) {
  const response = await call("events", { headers: lastId ? { "Last-Event-ID": lastId } : {}, signal: stream.signal });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? "refused"), { status: response.status });
}

/** Read the stream until it ends; calls `seen` with the id of each event. */
async function follow(lastId, seen) {
  stream = new AbortController();
  const response = await within(OPEN_WITHIN_MS, open(lastId));
  if (!lastId) await within(SNAPSHOT_WITHIN_MS, snapshot());
  connection.value = "live";
  heardAt.value = Date.now();
  poll();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heardAt.value = Date.now();
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1];
      const data = field("data") && (["state", "receipt"].includes(field("event")) ? parse : JSON.parse)(field("data"));
      if (data && field("event") === "reset") await within(SNAPSHOT_WITHIN_MS, snapshot()); // more was missed than the server remembers
      else if (data) take(field("event"), data);
      if (field("id")) seen(field("id"));
    }
  }
}

/** Wait longer from try to try, by chance not as long as other pages do; or until `retryNow`. */
function beforeTry(number) {
  const longest = Math.min(LONGEST_WAIT_MS, 250 * 2 ** number);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, longest * (0.5 + Math.random() / 2));
    retryNow = () => { clearTimeout(timer); resolve(); };
  });
}

/** Follow the run until it has ended or access is denied. */
export async function followRun() {
  let lastId = null;
  for (let tries = 0; ; tries += 1) {
    if (resting) await new Promise((resolve) => { wake = resolve; });
    try {
      await follow(lastId, (id) => { lastId = id; tries = 0; });
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        denial.value = error.message;
        connection.value = "denied";
        return;
      }
    }
    if (resting) continue;
    if (ended.value) return;
    if (connection.value === "live") connection.value = "disconnected";
    await beforeTry(tries);
  }
}

/** Whether it is time to ask for the pace: at rest, too, as the title is in sight. */
function due() {
  if (question || ended.value || connection.value === "denied") return false;
  return resting ? Date.now() - askedAt >= POLL_AT_REST_MS : connection.value === "live" && !document.hidden;
}

/** Ask for what no event tells: the pace and the silence of a run. Gives a connection up that answers no more. */
async function poll() {
  if (!due()) return;
  const told = question = {};
  const asked = stream;
  askedAt = Date.now();
  try {
    const news = await get("run", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (question === told) takeFacts({ ...news, ...told });
    unanswered = 0;
    if (resting) heardAt.value = Date.now();
  } catch {
    unanswered += 1;
  }
  if (question === told) question = null;
  if (resting) connection.value = unanswered > 1 ? "disconnected" : "live";
  else if (unanswered > 1 || Date.now() - heardAt.value > SILENCE_MS) {
    unanswered = 0;
    asked.abort();
  }
}

let restTimer = null;

function rest() {
  resting = true;
  stream.abort();
  poll();
}

/** Rest when nobody has looked for a while; go on where the stream was when somebody does. */
function look() {
  clearTimeout(restTimer);
  if (document.hidden) restTimer = setTimeout(rest, REST_AFTER_MS);
  else if (resting) {
    resting = false;
    unanswered = 0;
    heardAt.value = Date.now();
    wake();
  }
  lookAgain();
}

function lookAgain() {
  if (document.hidden) return;
  retryNow();
  poll();
}

setInterval(poll, POLL_MS);
window.addEventListener("online", lookAgain);
window.addEventListener("focus", lookAgain);
document.addEventListener("visibilitychange", look);
look();
// A link of this origin pasted into this tab changes the fragment only.
window.addEventListener("hashchange", () => { if (takeFragment()) location.reload(); });
