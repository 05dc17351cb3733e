// The staged edits: changes in the form that have not been sent yet.

import { same, some, Unparsed } from "../lib/json.js";
import { parsePointer } from "../lib/json-pointer.js";
import { exactState } from "../live/run.js";
import { batch, computed, effect, signal, untracked } from "../vendor.js";
import { REMOVED, valueAt } from "./merge-patch.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Problem } from "../live/api.js"
 */

/**
 * @typedef {{value: Json, base: Json}} Edit `base` is the live value when the edit began
 * @typedef {{value: Json, receipt: string}} WaitingEdit `receipt` is the receipt's id
 * @typedef {{text: string, bad?: boolean, conflict?: boolean}} Notice `conflict`: others have changed a value that is staged
 */

/** The edits by pointer. */
export const staged = signal(/** @type {Map<string, Edit>} */ (new Map()));
/** Edits that the program has accepted and not applied yet, by pointer. */
export const waiting = signal(/** @type {Map<string, WaitingEdit>} */ (new Map()));
/** What became of the edits of the last request, by pointer. */
export const outcomes = signal(/** @type {Map<string, string>} */ (new Map()));
/** Why the program refuses the staged edits. */
export const problems = signal(/** @type {{path: string, message: string}[]} */ ([]));
/** What to tell about the last request. */
export const notice = signal(/** @type {Notice} */ ({ text: "" }));

/**
 * Return whether an edit has a valid value.
 * @param {[string, Edit]} entry
 */
export const isComplete = ([, { value }]) => !some(value, (each) => each instanceof Unparsed);

/** Whether some typed text is not a valid value yet. */
export const incomplete = computed(() => ![...staged.value].every(isComplete));

/**
 * Return the live value at a pointer.
 * @param {string} at
 */
export const liveValue = (at) => valueAt(exactState.value, parsePointer(at));

/**
 * Return a copy of a map without some keys.
 * @template T
 * @param {Map<string, T>} map
 * @param {string[]} keys
 */
export const without = (map, keys) => new Map([...map].filter(([key]) => !keys.includes(key)));

/**
 * Return whether a pointer leads to a part of the value at `parent`.
 * @param {string} at
 * @param {string} parent
 */
export const isInside = (at, parent) => at !== parent && at.startsWith(`${parent}/`);

/**
 * Return why a request was refused, as a list.
 * @param {Problem} problem
 */
export const problemErrors = ({ errors, detail, title }) =>
  (errors?.length ? errors : [{ path: "", message: detail ?? title ?? "" }]).map(({ path = "", message }) => ({ path, message }));

/**
 * Stage a value. Staging the live value, or undefined, drops the edit.
 * @param {string} at pointer
 * @param {Json} value
 */
export function stage(at, value) {
  const now = liveValue(at);
  const next = new Map([...staged.value].filter(([key]) => !isInside(key, at)));
  const unchanged = value === undefined || same(value, now) || (value === REMOVED && now === undefined);
  if (unchanged && !waiting.value.has(at)) next.delete(at);
  else next.set(at, { value, base: next.has(at) ? next.get(at)?.base : now });
  batch(() => {
    staged.value = next;
    outcomes.value = without(outcomes.value, [at]);
    notice.value = { text: "" };
  });
}

/**
 * Drop the edit at a pointer.
 * @param {string} at
 */
export function dropEdit(at) {
  batch(() => {
    staged.value = without(staged.value, [at]);
    notice.value = { text: "" };
  });
}

export function dropAllEdits() {
  batch(() => {
    staged.value = new Map();
    notice.value = { text: "" };
  });
}

// The browser asks before it leaves or reloads a page with staged edits.
/** @param {Event} event */
const stay = (event) => event.preventDefault();
effect(() => {
  if (staged.value.size) window.addEventListener("beforeunload", stay);
  else window.removeEventListener("beforeunload", stay);
});

// An edit ends when somebody else sets the same value.
effect(() => {
  void exactState.value;
  const done = [...untracked(() => staged.value)]
    .filter(([at, { value }]) => (value === REMOVED ? liveValue(at) === undefined : same(value, liveValue(at))))
    .map(([at]) => at);
  if (done.length) untracked(() => { staged.value = without(staged.value, done); });
});
