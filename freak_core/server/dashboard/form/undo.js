// Undo: the edits that bring the old values back, and what a receipt does not tell of those.

import { pieces, pointer } from "../live/api.js";
import { same } from "../lib/json.js";
import { describe, MASK, variantOf } from "./schema-kinds.js";
import { edited, GONE, schemaAt, takesAnything, valueAt } from "./merge-patch.js";

/** Whether a receipt tells of something that can be undone. */
export const canUndo = ({ status, changes }) =>
  status === "applied" && changes.length > 0 && !changes.some(({ old, new: now }) => JSON.stringify([old, now]).includes(MASK));

/** Return the shortest part of `keys` whose schema passes `test`, null where none does. */
function outermost(keys, state, root, test) {
  const length = keys.findIndex((_, i) => test(describe(schemaAt(root, state, keys.slice(0, i + 1)), root)));
  return length < 0 ? null : keys.slice(0, length + 1);
}

/** Return the changes that were asked for, as `{keys, old, now}`: what is computed follows by itself. */
const asked = ({ changes }, state, root) => changes
  .map(({ path, old, new: now }) => ({ keys: pieces(path), old, now }))
  .filter(({ keys }) => !outermost(keys, state, root, ({ schema }) => schema.computed));

/** Return the paths of a receipt that something has changed since; some of them may be old again. */
export const changedSince = (receipt, state, root) =>
  asked(receipt, state, root).filter(({ keys, now }) => !same(valueAt(state, keys) ?? null, now)).map(({ keys }) => pointer(keys));

/** Return the schema of the object that holds what is at `keys`: of a union's variants the one that it is. */
function holder(keys, state, root) {
  const [at, raw] = [keys.slice(0, -1), schemaAt(root, state, keys.slice(0, -1))];
  const { kind, variants, schema } = describe(raw, root);
  if (kind !== "union") return schema;
  const variant = variants[variantOf(valueAt(state, at), variants, root)];
  return describe(variant, root).schema;
}

/** Return what there was where a receipt says null: null or `GONE`; undefined where it may have been either. */
function nothing(keys, state, root) {
  const [raw, { properties = {}, additionalProperties: extra, type }] = [schemaAt(root, state, keys), holder(keys, state, root)];
  const declared = Object.hasOwn(properties, keys.at(-1));
  if (!declared && type && !extra) return GONE;
  if (!describe(raw, root).nullable && !takesAnything(raw)) return GONE;
  return declared ? null : undefined;
}

/** Return edits by pointer; those inside of a union as one of it, as the old values may be of another variant. */
function byPlace(values, state, root) {
  const edits = new Map();
  for (const [keys, value] of values) {
    const union = outermost(keys, state, root, ({ kind }) => kind === "union") ?? keys;
    const at = pointer(union);
    const now = edits.has(at) ? edits.get(at).value : valueAt(state, union);
    edits.set(at, { value: edited(now, [[keys.slice(union.length), value]]) });
  }
  return edits;
}

/**
 * Return `{edits, untold}`, or null where the old values are back: the edits by pointer, and the paths of which the
 * receipt does not tell whether there was null or nothing; undo removes those.
 */
export function undoing(receipt, state, root) {
  const changes = asked(receipt, state, root);
  const before = edited(state, changes.map(({ keys, old }) => [keys, old ?? GONE]));
  const wanted = changes
    .map(({ keys, old }) => ({ keys, value: old ?? nothing(keys, before, root), live: valueAt(state, keys) }))
    .filter(({ value, live }) => (value === undefined || value === GONE ? live != null : !same(value, live)));
  if (!wanted.length) return null;
  return {
    edits: byPlace(wanted.map(({ keys, value }) => [keys, value === undefined ? GONE : value]), state, root),
    untold: wanted.filter(({ value }) => value === undefined).map(({ keys }) => pointer(keys)),
  };
}
