// Undo: a new request that brings the old values back.

import { pieces } from "./api.js";

const MASK = "**********";
const isObject = (thing) => thing !== null && typeof thing === "object" && !Array.isArray(thing);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Return the value at a path, or undefined where there is none. */
const at = (value, path) => pieces(path).reduce((inside, key) => inside?.[key], value);

/** Return the merge patch that makes `before` into `after`; null stands for None as well as for a key to remove. */
function mergePatch(before, after) {
  const patch = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (same(before[key], after[key])) continue;
    patch[key] = isObject(before[key]) && isObject(after[key]) ? mergePatch(before[key], after[key]) : after[key] ?? null;
  }
  return patch;
}

/** Whether JavaScript has rounded something in it. */
const rounded = (thing) =>
  typeof thing === "number" ? Number.isInteger(thing) && !Number.isSafeInteger(thing) : thing !== null && typeof thing === "object" && Object.values(thing).some(rounded);

/** Whether a receipt tells all that undoing it needs. */
export const canUndo = ({ status, changes }) =>
  status === "applied" && changes.length > 0 && !changes.some(({ old, new: now }) => rounded(old) || JSON.stringify([old, now]).includes(MASK));

/** Return the paths of a receipt that something has changed since; some of them may be old again. */
export const changedSince = ({ changes }, state) =>
  changes.filter((change) => !same(at(state, change.path) ?? null, change.new)).map(({ path }) => path);

/** Return the merge patch for the whole state that takes a receipt's changes back; null where they are back. */
export function undoPatch({ changes }, state) {
  const target = structuredClone(state);
  for (const { path, old } of changes) {
    if (old === null && at(state, path) == null) continue; // whether None or gone
    const keys = pieces(path);
    const last = keys.pop();
    let parent = target;
    for (const key of keys) parent = parent[key] ??= {};
    parent[last] = old;
  }
  const patch = mergePatch(state, target);
  return Object.keys(patch).length ? patch : null;
}
