// Undo: the edits that bring the old values of a receipt back.

import { same } from "../lib/json.js";
import { formatPointer, parsePointer } from "../lib/json-pointer.js";
import { MASK } from "../live/secret-mask.js";
import { edited, REMOVED, valueAt } from "./merge-patch.js";
import { allowsAnything, describe, variantOf } from "./schema-kinds.js";
import { schemaAt } from "./subschema.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Receipt } from "../live/receipts.js"
 * @import { Described } from "./schema-kinds.js"
 */

/**
 * Return whether a receipt has changes that can be undone: all of them known, no secret among them.
 * @param {Receipt} receipt
 */
export const canUndo = ({ status, changes }) =>
  status === "applied" && changes.length > 0 && !changes.some(({ old, new: now }) => JSON.stringify([old, now]).includes(MASK));

/**
 * Return the shortest part of `keys` whose schema passes `test`, null if there is none.
 * @param {string[]} keys
 * @param {Json} state
 * @param {Schema} root
 * @param {(described: Described) => boolean} test
 */
function outermost(keys, state, root, test) {
  const length = keys.findIndex((_, i) => test(describe(schemaAt(root, state, keys.slice(0, i + 1)), root)));
  return length < 0 ? null : keys.slice(0, length + 1);
}

/**
 * Return the changes without computed fields, which follow by themselves.
 * @param {Receipt} receipt
 * @param {Json} state
 * @param {Schema} root
 */
const settableChanges = ({ changes }, state, root) => changes
  .map(({ path, old, new: now }) => ({ keys: parsePointer(path), old, now }))
  .filter(({ keys }) => !outermost(keys, state, root, ({ schema }) => Boolean(schema.computed)));

/**
 * Return the paths of a receipt whose values are no longer those that it set.
 * @param {Receipt} receipt
 * @param {Json} state
 * @param {Schema} root
 */
export const changedSince = (receipt, state, root) =>
  settableChanges(receipt, state, root).filter(({ keys, now }) => !same(valueAt(state, keys) ?? null, now)).map(({ keys }) => formatPointer(keys));

/**
 * Return the schema of the object that contains the value at `keys`; of a union, the variant that the object is.
 * @param {string[]} keys
 * @param {Json} state
 * @param {Schema} root
 */
function parentSchema(keys, state, root) {
  const parent = keys.slice(0, -1);
  const { kind, variants, schema } = describe(schemaAt(root, state, parent), root);
  if (kind !== "union") return schema;
  return describe(variants[variantOf(valueAt(state, parent), variants, root)], root).schema;
}

/**
 * Return what an old value of null in a receipt means: null, or `REMOVED` for a missing key. A receipt does not tell the
 * two apart; undefined if the schema does not either.
 * @param {string[]} keys
 * @param {Json} state
 * @param {Schema} root
 */
function meaningOfNull(keys, state, root) {
  const raw = schemaAt(root, state, keys);
  const { properties = {}, additionalProperties: extra, type } = parentSchema(keys, state, root);
  const declared = Object.hasOwn(properties, keys[keys.length - 1]);
  if (!declared && type && !extra) return REMOVED;
  if (!describe(raw, root).nullable && !allowsAnything(raw)) return REMOVED;
  return declared ? null : undefined;
}

/**
 * Return edits by pointer. Edits inside a union are one edit of it: the old values may be of another variant.
 * @param {[string[], Json][]} values
 * @param {Json} state
 * @param {Schema} root
 */
function editsByPointer(values, state, root) {
  /** @type {Map<string, {value: Json}>} */
  const edits = new Map();
  for (const [keys, value] of values) {
    const union = outermost(keys, state, root, ({ kind }) => kind === "union") ?? keys;
    const at = formatPointer(union);
    const now = edits.has(at) ? edits.get(at)?.value : valueAt(state, union);
    edits.set(at, { value: edited(now, [[keys.slice(union.length), value]]) });
  }
  return edits;
}

/**
 * Return the edits that undo a receipt, or null if the old values are back already. `ambiguous` has the paths that may
 * have been null or missing: undo removes them.
 * @param {Receipt} receipt
 * @param {Json} state
 * @param {Schema} root
 */
export function undoEdits(receipt, state, root) {
  const changes = settableChanges(receipt, state, root);
  const before = edited(state, changes.map(({ keys, old }) => [keys, old ?? REMOVED]));
  const wanted = changes
    .map(({ keys, old }) => ({ keys, value: old ?? meaningOfNull(keys, before, root), live: valueAt(state, keys) }))
    .filter(({ value, live }) => (value === undefined || value === REMOVED ? live !== null && live !== undefined : !same(value, live)));
  if (!wanted.length) return null;
  return {
    edits: editsByPointer(wanted.map(({ keys, value }) => [keys, value === undefined ? REMOVED : value]), state, root),
    ambiguous: wanted.filter(({ value }) => value === undefined).map(({ keys }) => formatPointer(keys)),
  };
}
