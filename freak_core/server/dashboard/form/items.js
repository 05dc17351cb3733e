// Lists and dicts: a field for every item, and buttons to add and remove items.

import { isObject, some } from "../lib/json.js";
import { parsePointer } from "../lib/json-pointer.js";
import { MASK } from "../live/secret-mask.js";
import { html, useState } from "../vendor.js";
import { child, editsInside, elementId, ownsEdits } from "./binding.js";
import { Field } from "./field.js";
import { initial } from "./initial-value.js";
import { REMOVED } from "./merge-patch.js";
import { childSchema } from "./subschema.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Binding } from "./binding.js"
 * @import { Removal } from "./field.js"
 */

const EMPTY = html`<p class="hint">empty</p>`;

/**
 * The items of a list, or of a tuple, which has a fixed length.
 * @param {{name: string, binding: Binding, schema: Schema, depth: number}} props
 */
export function Items({ name, binding, schema, depth }) {
  /** @type {Json[]} */
  const value = binding.value;
  const { prefixItems, items, minItems = 0, maxItems = Infinity } = schema;
  /**
   * @param {number} i
   * @returns {Removal | undefined}
   */
  const removal = (i) => {
    if (prefixItems) return undefined;
    // The program identifies masked secrets by their position: a secret that moved up would become its neighbour.
    const moved = some(value.slice(i + 1), (each) => each === MASK);
    return {
      disabled: moved || value.length <= minItems,
      title: moved ? "secrets after this one would move: remove from the end" : undefined,
      onRemove: () => binding.set(value.filter((_, j) => j !== i)),
    };
  };
  return html`
    ${value.length === 0 && EMPTY}
    ${value.map((_, i) => html`<${Field} key=${i} name="${name} ${i}" binding=${child(binding, i, prefixItems?.[i] ?? items ?? {})} remove=${removal(i)} depth=${depth + 1} />`)}
    ${items && !prefixItems && value.length < maxItems && html`
      <button type="button" class="add" aria-label="add to ${name}" onClick=${() => binding.set([...value, initial(items, binding.root)])}>Add</button>`}`;
}

/**
 * Return the keys of a dict, with those that staged edits add.
 * @param {Binding} binding
 */
function keysOf(binding) {
  const depth = parsePointer(binding.at).length;
  const added = ownsEdits(binding) ? editsInside(binding).map((at) => parsePointer(at)[depth]) : [];
  return [...new Set([...Object.keys(isObject(binding.value) ? binding.value : {}), ...added])];
}

/** @param {{binding: Binding, raw: Schema, taken: string[]}} props `raw`: the schema of a new value; `taken`: the keys that exist */
function KeyAdder({ binding, raw, taken }) {
  const [key, setKey] = useState("");
  const id = elementId(binding, "key");
  const add = () => {
    if (!key || taken.includes(key)) return;
    child(binding, key, raw).set(initial(raw, binding.root));
    setKey("");
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    add();
  };
  return html`<div class="adder">
    <label for=${id}>new key</label>
    <input id=${id} type="text" value=${key} autocomplete="off" onInput=${(event) => setKey(event.currentTarget.value)} onKeyDown=${onKeyDown} />
    <button type="button" class="add" disabled=${!key || taken.includes(key)} onClick=${add}>Add</button>
  </div>`;
}

/**
 * The keys of an object that its schema does not declare.
 * @param {{binding: Binding, schema: Schema, declared: Record<string, Schema>, depth: number}} props
 */
export function Entries({ binding, schema, declared, depth }) {
  const extra = schema.additionalProperties;
  const keys = keysOf(binding).filter((key) => !Object.hasOwn(declared, key));
  const raw = /** @type {Schema} */ (isObject(extra) ? extra : {});
  // A key that is neither declared nor allowed comes from a serializer.
  /** @param {string} key */
  const rawOf = (key) => (extra ? childSchema(binding.raw, key, binding.value, binding.root) : { readOnly: true });
  /** @param {string} key */
  const removal = (key) => (extra ? { onRemove: () => child(binding, key, raw).set(REMOVED) } : undefined);
  return html`
    ${keys.length === 0 && extra && !Object.keys(declared).length && EMPTY}
    ${keys.map((key) => html`<${Field} key=${key} name=${key} binding=${child(binding, key, rawOf(key))} remove=${removal(key)} depth=${depth + 1} />`)}
    ${extra && html`<${KeyAdder} binding=${binding} raw=${raw} taken=${[...keys, ...Object.keys(declared)]} />`}`;
}
