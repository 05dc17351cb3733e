// One request for all staged edits, so that the program applies all of them or none: a merge patch (RFC 7396) if that can
// say them, else a PUT.

import { isObject, some } from "../lib/json.js";
import { formatPointer, parsePointer } from "../lib/json-pointer.js";
import { allowsAnything, describe } from "./schema-kinds.js";
import { mapParts, schemaAt } from "./subschema.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 */

/** @typedef {[keys: string[], value: Json]} Change */

/** The value of an edit that removes a key. */
export const REMOVED = Symbol("removed");

/**
 * Return the part of `value` at some keys, undefined if there is none.
 * @param {Json} value
 * @param {string[]} keys
 * @returns {Json}
 */
export const valueAt = (value, keys) =>
  keys.reduce((at, key) => (typeof at === "object" && at !== null && Object.hasOwn(at, key) ? at[key] : undefined), value);

/**
 * Return `value` without computed fields: they may be outdated, and cannot be set.
 * @param {Json} value
 * @param {Schema} raw
 * @param {Schema} root
 */
const withoutComputed = (value, raw, root) => mapParts(value, raw, root, (each, { schema }) => (schema.computed ? undefined : each));

/**
 * Return whether a merge patch cannot say a change. A merge patch merges an object into the old one instead of replacing
 * it, and its null removes a key where the change may mean the value null.
 * @param {Change} change
 * @param {Json} state
 * @param {Schema} root
 */
function needsPut([keys, value], state, root) {
  const raw = schemaAt(root, state, keys);
  if (value === REMOVED) return describe(raw, root).nullable || allowsAnything(raw);
  return isObject(value) && (isObject(valueAt(state, keys)) || some(value, (each) => each === null));
}

/**
 * Return a copy of `value` with some changes.
 * @param {Json} value
 * @param {Change[]} changes
 * @returns {Json}
 */
export function edited(value, changes) {
  const whole = changes.find(([keys]) => keys.length === 0);
  if (whole) return whole[1];
  const made = Array.isArray(value) ? [...value] : { ...value };
  for (const key of new Set(changes.map(([keys]) => keys[0]))) {
    const inside = changes.filter(([keys]) => keys[0] === key).map(([keys, each]) => /** @type {Change} */ ([keys.slice(1), each]));
    const now = edited(made[key], inside);
    if (now === REMOVED) delete made[key];
    else made[key] = now;
  }
  return made;
}

/**
 * Return the longest path that contains all of `paths`. No path ends in a dot: browsers remove that from a URL.
 * @param {string[][]} paths
 */
function commonPath(paths) {
  const [first, ...others] = paths;
  const length = first.findIndex((key, i) => key === "." || key === ".." || others.some((path) => path[i] !== key));
  return length < 0 ? first : first.slice(0, length);
}

/**
 * Return the request for some edits: a merge patch if it can say them, else a PUT of the smallest value that contains
 * them all.
 * @param {Map<string, {value: Json}>} edits by pointer
 * @param {Json} state
 * @param {Schema} root
 * @returns {{method: string, route: string, body: Json}}
 */
export function requestFor(edits, state, root) {
  /** @type {Change[]} */
  const changes = [...edits].map(([at, { value }]) => {
    const keys = parsePointer(at);
    return [keys, value === REMOVED ? REMOVED : withoutComputed(value, schemaAt(root, state, keys), root)];
  });
  if (!changes.some((change) => needsPut(change, state, root))) {
    return { method: "PATCH", route: "state", body: edited({}, changes.map(([keys, value]) => [keys, value === REMOVED ? null : value])) };
  }
  const at = commonPath(changes.map(([keys, value]) => (value === REMOVED ? keys.slice(0, -1) : keys)));
  const now = withoutComputed(valueAt(state, at), schemaAt(root, state, at), root);
  const body = edited(now, changes.map(([keys, value]) => [keys.slice(at.length), value]));
  return { method: "PUT", route: `state${formatPointer(at).split("/").map(encodeURIComponent).join("/") || "/"}`, body };
}
