// Sends the staged edits as one request, and follows its receipt until the program has applied it.

import { parse, same } from "../lib/json.js";
import { call, send } from "../live/api.js";
import { where } from "../live/receipt-text.js";
import { receipts, takeReceipts } from "../live/receipts.js";
import { etag, exactState, facts, revision, schema, takeState, writable } from "../live/run.js";
import { batch, effect, signal, untracked } from "../vendor.js";
import { requestFor } from "./merge-patch.js";
import { incomplete, liveValue, notice, outcomes, problemErrors, problems, staged, waiting, without } from "./staged-edits.js";

/**
 * @import { Refused } from "../live/api.js"
 * @import { Receipt } from "../live/receipts.js"
 * @import { Edit, WaitingEdit } from "./staged-edits.js"
 */

const MOST_ATTEMPTS = 3; // while others change other fields

/** Whether a request is being sent. */
export const applying = signal(false);

/**
 * Show what became of a request.
 * @param {Receipt} receipt
 * @param {Map<string, WaitingEdit>} edits
 */
function finish(receipt, edits) {
  const keys = [...edits.keys()];
  batch(() => {
    waiting.value = without(waiting.value, keys);
    if (receipt.status === "applied") {
      const text = `applied${where(receipt)}`;
      outcomes.value = new Map([...outcomes.value, ...keys.map((at) => /** @type {[string, string]} */ ([at, text]))]);
      notice.value = { text };
      return;
    }
    const again = [...edits].filter(([at]) => !staged.value.has(at))
      .map(([at, { value }]) => /** @type {[string, Edit]} */ ([at, { value, base: liveValue(at) }]));
    staged.value = new Map([...staged.value, ...again]);
    const why = problemErrors(receipt.error ?? { detail: `the request was ${receipt.status}` });
    notice.value = { text: `${receipt.status}: ${why.map(({ path, message }) => [path, message].filter(Boolean).join(" ")).join("; ")}`, bad: true };
  });
}

// A request is finished when its receipt says so and this page has the state of that revision.
effect(() => {
  const [known, now] = [receipts.value, revision.value];
  for (const id of new Set([...waiting.value.values()].map(({ receipt }) => receipt))) {
    const receipt = known.get(id);
    if (!receipt || receipt.status === "accepted" || (receipt.status === "applied" && now < (receipt.revision ?? 0))) continue;
    untracked(() => finish(receipt, new Map([...waiting.value].filter(([, { receipt: of }]) => of === id))));
  }
});

// Another run on the same port knows nothing of this run's requests.
/** @type {string | undefined} */
let knownRun;
effect(() => {
  const { id } = facts.value;
  if (id && knownRun && id !== knownRun) untracked(() => batch(() => { waiting.value = new Map(); outcomes.value = new Map(); }));
  knownRun = id ?? knownRun;
});

async function loadState() {
  const response = await call("state").catch(() => null);
  if (!response?.ok) return; // the event stream shows a lost connection
  const number = Number(response.headers.get("ETag")?.match(/(\d+)"$/)?.[1]);
  const value = parse(await response.text());
  if (number > revision.value) takeState({ revision: number, value });
}

/**
 * @param {Receipt} receipt
 * @param {Map<string, Edit>} edits
 */
function accept(receipt, edits) {
  batch(() => {
    staged.value = new Map([...staged.value].filter(([at, { value }]) => !edits.has(at) || !same(value, edits.get(at)?.value)));
    waiting.value = new Map([...waiting.value, ...[...edits].map(([at, { value }]) => /** @type {[string, WaitingEdit]} */ ([at, { value, receipt: receipt.id }]))]);
    outcomes.value = new Map();
    problems.value = [];
    notice.value = { text: receipt.status === "accepted" ? "accepted: the program applies it at its next safe point" : "applying" };
    takeReceipts([receipt]);
  });
}

/** @param {Refused} answer */
function refuse({ status, problem }) {
  problems.value = status === 422 || status === 404 ? problemErrors(problem) : [];
  notice.value = { text: [problem.title, status === 422 ? "" : problem.detail].filter(Boolean).join(": "), bad: true };
}

/**
 * Send the edits, again with the newest state if others have changed only other values.
 * @param {Map<string, Edit>} edits
 * @param {string} note
 * @param {boolean} overwrite
 */
async function sendEdits(edits, note, overwrite) {
  for (let left = MOST_ATTEMPTS; ; left--) {
    const { method, route, body } = requestFor(edits, exactState.value, schema.value ?? {});
    const answer = await send(method, route, body, { note, ifMatch: overwrite && method === "PATCH" ? undefined : etag.value });
    if (answer.status !== 412) return answer;
    await loadState();
    const conflict = [...edits].some(([at, { base }]) => !same(base, liveValue(at)));
    if ((conflict && !overwrite) || left <= 1) return answer;
  }
}

/**
 * Send the staged edits as one request. Return whether it was accepted.
 * @param {string} note for the journal
 * @param {boolean} [overwrite] apply the edits even if others have changed the same values
 */
export async function apply(note, overwrite = false) {
  if (applying.value || !staged.value.size || incomplete.value || !writable.value) return false;
  const edits = staged.value;
  applying.value = true;
  try {
    const answer = await sendEdits(edits, note, overwrite);
    if (answer.ok) accept(answer.receipt, edits);
    else if (answer.status === 412) notice.value = { text: "The state has changed meanwhile.", bad: true, conflict: true };
    else refuse(answer);
    return answer.ok;
  } finally {
    applying.value = false;
  }
}
