// The edits: staged, checked by the program as they are made, applied together.

import { call, pieces, send } from "../live/api.js";
import { parse, same, some, Unparsed } from "../lib/json.js";
import { GONE, requestFor, valueAt } from "./merge-patch.js";
import { etag, exact as state, facts, receipts, revision, schema, takeReceipts, takeState, writable } from "../live/run.js";
import { batch, computed, effect, signal, untracked } from "../vendor.js";

const CHECK_MS = 250;
const RECHECK_MS = 2000;
const ATTEMPTS = 3; // while others change other fields
const VERDICTS = [400, 404, 409, 413, 422]; // any other refusal says nothing of the edits

/** Edits by pointer: `{value, base}`, where `base` is what was live when the edit began. */
export const staged = signal(new Map());
/** Edits that the program has accepted and not yet applied, by pointer: `{value, receipt}`, the receipt's id. */
export const waiting = signal(new Map());
/** What became of the fields of the last request, by pointer. */
export const outcomes = signal(new Map());
/** Why the staged edits are refused: `{path, message}`. */
export const problems = signal([]);
/** What else would change, as the program says. */
export const consequences = signal([]);
/** "" or what to tell about the last request; `conflict`: others changed what is staged. */
export const notice = signal({ text: "", bad: false, conflict: false });
export const applying = signal(false);

const complete = ([, { value }]) => !some(value, (each) => each instanceof Unparsed);

/** Whether something typed is no value yet. */
export const incomplete = computed(() => ![...staged.value].every(complete));

const live = (at) => valueAt(state.value, pieces(at));
const without = (map, keys) => new Map([...map].filter(([key]) => !keys.includes(key)));
const within = (at, parent) => at !== parent && at.startsWith(`${parent}/`);

/** Stage `value` at a pointer; undefined or what is live there already drops the edit. */
export function stage(at, value) {
  const now = live(at);
  const next = new Map([...staged.value].filter(([key]) => !within(key, at)));
  const unchanged = value === undefined || same(value, now) || (value === GONE && now === undefined);
  if (unchanged && !waiting.value.has(at)) next.delete(at);
  else next.set(at, { value, base: next.has(at) ? next.get(at).base : now });
  batch(() => {
    staged.value = next;
    outcomes.value = without(outcomes.value, [at]);
    notice.value = { text: "" };
  });
}

/** Forget the edit at a pointer; without one, every edit. */
export function drop(at) {
  batch(() => {
    staged.value = at === undefined ? new Map() : without(staged.value, [at]);
    notice.value = { text: "" };
  });
}

const reasons = ({ errors, detail, title }) => (errors?.length ? errors : [{ path: "", message: detail ?? title }]);

let newest = 0;

async function check() {
  const mine = ++newest;
  const edits = new Map([...staged.value].filter(complete));
  if (!edits.size || !writable.value) return;
  const { method, route, body } = requestFor(edits, state.value, schema.value);
  const answer = await send(method, route, body, { dryRun: true });
  if (mine !== newest) return;
  batch(() => {
    problems.value = VERDICTS.includes(answer.status) ? reasons(answer.problem) : [];
    consequences.value = answer.ok ? (answer.receipt.changes ?? []).filter(({ path }) => ![...edits.keys()].some((at) => at === path || within(path, at))) : [];
  });
  if (!answer.ok && !VERDICTS.includes(answer.status)) checkIn(RECHECK_MS);
}

let timer = null;

function checkIn(ms) {
  clearTimeout(timer);
  timer = setTimeout(() => { timer = null; check(); }, ms);
}

effect(() => {
  if (staged.value.size) checkIn(CHECK_MS);
  else untracked(() => batch(() => { problems.value = []; consequences.value = []; }));
  newest++; // an answer about other edits is of no use
});

effect(() => {
  revision.value; // what is valid may depend on what others change
  if (untracked(() => staged.value.size) && timer === null) checkIn(RECHECK_MS);
});

// The browser asks who leaves or loads the page anew with edits that are not sent.
const stay = (event) => event.preventDefault();
effect(() => {
  if (staged.value.size) window.addEventListener("beforeunload", stay);
  else window.removeEventListener("beforeunload", stay);
});

// What somebody else set to the staged value is no edit any more.
effect(() => {
  state.value;
  const done = [...untracked(() => staged.value)].filter(([at, { value }]) => (value === GONE ? live(at) === undefined : same(value, live(at)))).map(([at]) => at);
  if (done.length) untracked(() => { staged.value = without(staged.value, done); });
});

function told(receipt) {
  const { step, ranks } = receipt.applied ?? {};
  return `applied${step == null ? "" : ` at step ${step}`}${ranks > 1 ? ` on ${ranks} ranks` : ""}`;
}

function settle(receipt, edits) {
  const keys = [...edits.keys()];
  batch(() => {
    waiting.value = without(waiting.value, keys);
    if (receipt.status === "applied") {
      outcomes.value = new Map([...outcomes.value, ...keys.map((at) => [at, told(receipt)])]);
      notice.value = { text: told(receipt) };
      return;
    }
    const edited = [...edits].filter(([at]) => !staged.value.has(at)).map(([at, { value }]) => [at, { value, base: live(at) }]);
    staged.value = new Map([...staged.value, ...edited]);
    const why = reasons(receipt.error ?? { detail: `the request was ${receipt.status}` });
    notice.value = { text: `${receipt.status}: ${why.map(({ path, message }) => [path, message].filter(Boolean).join(" ")).join("; ")}`, bad: true };
  });
}

// A request ends when its receipt says so and the state has come that far.
effect(() => {
  const [known, now] = [receipts.value, revision.value];
  for (const id of new Set([...waiting.value.values()].map(({ receipt }) => receipt))) {
    const receipt = known.get(id);
    if (!receipt || receipt.status === "accepted" || (receipt.status === "applied" && now < receipt.revision)) continue;
    untracked(() => settle(receipt, new Map([...waiting.value].filter(([, { receipt: of }]) => of === id))));
  }
});

// Another run on the same port knows nothing of what this one was asked.
let known = null;
effect(() => {
  const { id } = facts.value;
  if (id && known && id !== known) untracked(() => batch(() => { waiting.value = new Map(); outcomes.value = new Map(); }));
  known = id ?? known;
});

async function newestState() {
  const response = await call("state").catch(() => null);
  if (!response?.ok) return; // the stream notices
  const number = Number(response.headers.get("ETag").match(/(\d+)"$/)[1]);
  const value = parse(await response.text());
  if (number > revision.value) takeState({ revision: number, value });
}

function accept(receipt, edits) {
  batch(() => {
    staged.value = new Map([...staged.value].filter(([at, { value }]) => !edits.has(at) || !same(value, edits.get(at).value)));
    waiting.value = new Map([...waiting.value, ...[...edits].map(([at, { value }]) => [at, { value, receipt: receipt.id }])]);
    outcomes.value = new Map();
    problems.value = [];
    notice.value = { text: receipt.status === "accepted" ? "accepted: the program applies it at its next safe point" : "applying" };
    takeReceipts([receipt]);
  });
}

function refuse({ status, problem }) {
  const why = reasons(problem);
  problems.value = status === 422 || status === 404 ? why : [];
  notice.value = { text: [problem.title, status === 422 ? "" : problem.detail].filter(Boolean).join(": "), bad: true };
}

async function attempt(edits, note, anyway) {
  for (let left = ATTEMPTS; ; left--) {
    const { method, route, body } = requestFor(edits, state.value, schema.value);
    const answer = await send(method, route, body, { note, ifMatch: anyway && method === "PATCH" ? undefined : etag.value });
    if (answer.status !== 412) return answer;
    await newestState();
    const touched = [...edits].some(([at, { base }]) => !same(base, live(at)));
    if ((touched && !anyway) || left <= 1) return answer;
  }
}

/** Send what is staged as one request; `anyway`: although others have changed it meanwhile. */
export async function apply(note, anyway = false) {
  if (applying.value || !staged.value.size || incomplete.value || !writable.value) return false;
  const edits = staged.value;
  applying.value = true;
  try {
    const answer = await attempt(edits, note, anyway);
    if (answer.ok) accept(answer.receipt, edits);
    else if (answer.status === 412) notice.value = { text: "The state has changed meanwhile.", bad: true, conflict: true };
    else refuse(answer);
    return answer.ok;
  } finally {
    applying.value = false;
  }
}
