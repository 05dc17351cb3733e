// What connects a field to a value: the value at a pointer, and how to change it. Fields know their binding only.

import { same } from "../lib/json.js";
import { formatPointer, parsePointer } from "../lib/json-pointer.js";
import { edited, REMOVED } from "./merge-patch.js";
import { dropEdit, stage, staged, waiting } from "./staged-edits.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Edit, WaitingEdit } from "./staged-edits.js"
 */

/**
 * @typedef {object} Binding
 * @property {string} at pointer into the state
 * @property {Schema} raw the value's schema
 * @property {Schema} root the state's schema
 * @property {Json} live the value in the program; undefined if there is none
 * @property {Json} value the value to show: the staged one, else the one that waits, else the live one
 * @property {Edit} [edit] the staged edit of this value
 * @property {WaitingEdit} [sent] an edit of this value that the program has not applied yet
 * @property {boolean} nested whether a change of this value is part of its parent's edit
 * @property {boolean} [differs] whether a nested value differs from the live one
 * @property {(value: Json) => void} set
 * @property {() => void} drop
 */

/**
 * Return the binding of the value at a pointer. It stages its own edits.
 * @param {string} at
 * @param {Schema} raw
 * @param {Json} live
 * @param {Schema} root
 * @returns {Binding}
 */
export function bind(at, raw, live, root) {
  const edit = staged.value.get(at);
  const sent = waiting.value.get(at);
  return {
    at, raw, live, root, edit, sent,
    nested: false,
    value: edit ? edit.value : sent ? sent.value : live,
    set: (value) => stage(at, value),
    drop: () => dropEdit(at),
  };
}

/**
 * @param {Json} value
 * @param {string | number} key
 * @param {Json} part
 */
function replaced(value, key, part) {
  const made = Array.isArray(value) ? [...value] : { ...value };
  if (part === REMOVED || part === undefined) delete made[key];
  else made[key] = part;
  return made;
}

/**
 * Return the binding of a value inside another. Changes of list items, and of anything inside a value that has an edit,
 * are part of that value's edit.
 * @param {Binding} parent
 * @param {string | number} key
 * @param {Schema} raw the child's schema
 * @returns {Binding}
 */
export function child(parent, key, raw) {
  const at = parent.at + formatPointer([key]);
  const live = Object(parent.live)[key];
  if (ownsEdits(parent) && !Array.isArray(parent.value)) return bind(at, raw, live, parent.root);
  const value = Object(parent.value)[key];
  /** @param {Json} part */
  const set = (part) => parent.set(replaced(parent.value, key, part));
  return { at, raw, live, root: parent.root, nested: true, value, set, drop: () => set(live), differs: live !== undefined && !same(value, live) };
}

/**
 * Return whether the values inside this one have edits of their own.
 * @param {Binding} binding
 */
export const ownsEdits = ({ nested, edit, sent }) => !nested && !edit && !sent;

/**
 * Return the pointers of the edits inside a value.
 * @param {Binding} binding
 */
export const editsInside = ({ at }) => [...staged.value.keys()].filter((each) => each.startsWith(`${at}/`));

/**
 * Return a value with the staged edits inside it.
 * @param {Binding} binding
 */
export function withEdits(binding) {
  if (!ownsEdits(binding)) return binding.value;
  const depth = parsePointer(binding.at).length;
  const inside = editsInside(binding);
  return inside.length ? edited(binding.live, inside.map((at) => [parsePointer(at).slice(depth), staged.value.get(at)?.value])) : binding.live;
}

/**
 * Return an id for a part of a field's elements. It contains no spaces.
 * @param {Binding} binding
 * @param {string} part
 */
export const elementId = (binding, part) => `${part}-${encodeURIComponent(binding.at) || "state"}`;
