// Makes one request of all staged edits, so that they are applied as a whole or not at all.

import { pieces, pointer } from "../live/api.js";
import { Exact, isObject, some } from "../lib/json.js";
import { changed, describe, inner } from "./schema-kinds.js";

/** Stands for a key that is to be removed. */
export const GONE = Symbol("removed");

/** Return the value at some pieces of a pointer, undefined where there is none. */
export const valueAt = (value, keys) =>
  keys.reduce((at, key) => (typeof at === "object" && at !== null && Object.hasOwn(at, key) ? at[key] : undefined), value);

/** Return the schema of what is at some pieces of a pointer. */
export function schemaAt(root, value, keys) {
  let [raw, at] = [root, value];
  for (const key of keys) {
    raw = inner(raw, key, at, root);
    at = at?.[key];
  }
  return raw;
}

/** Return `value` without what is computed: it may be stale, and cannot be set. */
const settable = (value, raw, root) => changed(value, raw, root, (each, { schema }) => (schema.computed ? undefined : each));

/**
 * Whether a merge patch cannot say an edit: an object that is to be replaced would be merged, and null means
 * None, not gone, where both are possible.
 */
function needsPut(keys, value, state, root) {
  if (value === GONE) return describe(schemaAt(root, state, keys), root).nullable || takesAnything(schemaAt(root, state, keys));
  return isObject(value) && (isObject(valueAt(state, keys)) || some(value, (each) => each === null));
}

/** Whether a schema says nothing. */
export const takesAnything = (raw) => Object.keys(raw).length === 0;

/** Return a copy of `value` with the edits, `[pieces, value]` each, made in it. */
export function edited(value, edits) {
  const whole = edits.find(([keys]) => keys.length === 0);
  if (whole) return whole[1];
  const made = Array.isArray(value) ? [...value] : { ...value };
  for (const key of new Set(edits.map(([keys]) => keys[0]))) {
    const within = edits.filter(([keys]) => keys[0] === key).map(([keys, each]) => [keys.slice(1), each]);
    const now = edited(made[key], within);
    if (now === GONE) delete made[key];
    else made[key] = now;
  }
  return made;
}

function mergePatch(edits) {
  const patch = edited({}, edits.map(([keys, value]) => [keys, value === GONE ? null : value]));
  return { method: "PATCH", route: "state", body: patch };
}

function common(paths) {
  const [first, ...others] = paths;
  const length = first.findIndex((key, i) => key === "." || key === ".." || others.some((path) => path[i] !== key));
  return length < 0 ? first : first.slice(0, length); // no URL can end in a dot
}

/**
 * Return the request for some edits: `{method, route, body}`.
 *
 * A merge patch where it can say them all; else the smallest value that contains them all, replaced.
 */
export function requestFor(edits, state, root) {
  const all = [...edits].map(([at, { value }]) => {
    const keys = pieces(at);
    return [keys, value === GONE ? GONE : settable(value, schemaAt(root, state, keys), root)];
  });
  if (!all.some(([keys, value]) => needsPut(keys, value, state, root))) return mergePatch(all);
  const at = common(all.map(([keys, value]) => (value === GONE ? keys.slice(0, -1) : keys)));
  const now = settable(valueAt(state, at), schemaAt(root, state, at), root);
  const body = edited(now, all.map(([keys, value]) => [keys.slice(at.length), value]));
  return { method: "PUT", route: `state${pointer(at).split("/").map(encodeURIComponent).join("/") || "/"}`, body };
}

/** Return `value` in a few words, for old → new. */
export function brief(value, text) {
  if (value === undefined) return "not set";
  if (value === GONE) return "removed";
  if (value === null) return "none";
  if (value instanceof Exact || typeof value !== "object") return String(value === "" ? "“”" : value);
  return text(value);
}
