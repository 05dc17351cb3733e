// Lets the program validate the staged edits while the user makes them, with `?dry_run=true`.

import { send } from "../live/api.js";
import { exactState, revision, schema, writable } from "../live/run.js";
import { batch, effect, signal, untracked } from "../vendor.js";
import { requestFor } from "./merge-patch.js";
import { isComplete, isInside, problemErrors, problems, staged } from "./staged-edits.js";

/**
 * @import { Accepted, Refused } from "../live/api.js"
 * @import { Change } from "../live/receipts.js"
 */

const CHECK_AFTER_MS = 250;
const RECHECK_AFTER_MS = 2000;
/** These refusals are about the edits. Others, such as 503, say nothing about them. */
const ABOUT_THE_EDITS = [400, 404, 409, 413, 422];

/** Other changes that the program says would follow from the staged edits. */
export const consequences = signal(/** @type {Change[]} */ ([]));

let newest = 0;
/** @type {number | undefined} */
let timer;

async function check() {
  const mine = ++newest;
  const edits = new Map([...staged.value].filter(isComplete));
  if (!edits.size || !writable.value || !schema.value) return;
  const { method, route, body } = requestFor(edits, exactState.value, schema.value);
  const answer = await send(method, route, body, { dryRun: true });
  if (mine === newest) take(answer, [...edits.keys()]);
}

/**
 * @param {Accepted | Refused} answer
 * @param {string[]} edited pointers
 */
function take(answer, edited) {
  const refused = !answer.ok && ABOUT_THE_EDITS.includes(answer.status);
  batch(() => {
    problems.value = refused ? problemErrors(answer.problem) : [];
    consequences.value = answer.ok
      ? (answer.receipt.changes ?? []).filter(({ path }) => !edited.some((at) => at === path || isInside(path, at)))
      : [];
  });
  if (!answer.ok && !refused) checkAfter(RECHECK_AFTER_MS);
}

/** @param {number} ms */
function checkAfter(ms) {
  clearTimeout(timer);
  timer = setTimeout(() => { timer = undefined; check(); }, ms);
}

effect(() => {
  if (staged.value.size) checkAfter(CHECK_AFTER_MS);
  else untracked(() => batch(() => { problems.value = []; consequences.value = []; }));
  newest++; // an answer under way is about other edits
});

effect(() => {
  void revision.value; // others' changes can make the edits valid or invalid
  if (untracked(() => staged.value.size) && timer === undefined) checkAfter(RECHECK_AFTER_MS);
});
