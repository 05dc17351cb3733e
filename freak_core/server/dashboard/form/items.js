// Lists and dicts: a field for every item, to add and to remove.

import { pieces } from "../live/api.js";
import { Field } from "./field.js";
import { isObject, some } from "../lib/json.js";
import { initial, inner, MASK } from "./schema-kinds.js";
import { idOf, inside } from "./binding.js";
import { GONE } from "./merge-patch.js";
import { staged } from "./staged-edits.js";
import { html, useState } from "../vendor.js";

const EMPTY = html`<p class="hint">empty</p>`;

/** The items of a list, or of a tuple, whose length is fixed. */
export function Items({ name, place, schema, depth }) {
  const { value } = place;
  const { prefixItems, items, minItems = 0, maxItems = Infinity } = schema;
  const removal = (i) => {
    if (prefixItems) return undefined;
    // The program tells masked secrets apart by their position: one that moved up would become its neighbour.
    const moved = some(value.slice(i + 1), (each) => each === MASK);
    return {
      disabled: moved || value.length <= minItems,
      title: moved ? "secrets after this one would move: remove from the end" : undefined,
      onRemove: () => place.set(value.filter((_, j) => j !== i)),
    };
  };
  return html`
    ${value.length === 0 && EMPTY}
    ${value.map((_, i) => html`<${Field} key=${i} name="${name} ${i}" place=${inside(place, i, prefixItems?.[i] ?? items)} remove=${removal(i)} depth=${depth + 1} />`)}
    ${items && !prefixItems && value.length < maxItems && html`
      <button type="button" class="add" aria-label="add to ${name}" onClick=${() => place.set([...value, initial(items, place.root)])}>Add</button>`}`;
}

/** Return the keys there are, and those that are staged to come. */
function keysOf(place) {
  const depth = pieces(place.at).length;
  const coming = place.held || place.entry || place.sent ? []
    : [...staged.value.keys()].filter((at) => at.startsWith(`${place.at}/`)).map((at) => pieces(at)[depth]);
  return [...new Set([...Object.keys(isObject(place.value) ? place.value : {}), ...coming])];
}

function Adder({ place, raw, taken }) {
  const [key, setKey] = useState("");
  const id = idOf(place, "key");
  const add = () => {
    if (!key || taken.includes(key)) return;
    inside(place, key, raw).set(initial(raw, place.root));
    setKey("");
  };
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    add();
  };
  return html`<div class="adder">
    <label for=${id}>new key</label>
    <input id=${id} type="text" value=${key} autocomplete="off" onInput=${({ currentTarget }) => setKey(currentTarget.value)} onKeyDown=${onKeyDown} />
    <button type="button" class="add" disabled=${!key || taken.includes(key)} onClick=${add}>Add</button>
  </div>`;
}

/** The keys of an object that its schema doesn't name; `known` are those that it does. */
export function Entries({ place, schema, known, depth }) {
  const extra = schema.additionalProperties;
  const keys = keysOf(place).filter((key) => !Object.hasOwn(known, key));
  const raw = isObject(extra) ? extra : {};
  // Neither declared nor allowed: a serializer shows it.
  const rawOf = (key) => (extra ? inner(place.raw, key, place.value, place.root) : { readOnly: true });
  const removal = (key) => (extra ? { onRemove: () => inside(place, key, raw).set(GONE) } : undefined);
  return html`
    ${keys.length === 0 && extra && !Object.keys(known).length && EMPTY}
    ${keys.map((key) => html`<${Field} key=${key} name=${key} place=${inside(place, key, rawOf(key))} remove=${removal(key)} depth=${depth + 1} />`)}
    ${extra && html`<${Adder} place=${place} raw=${raw} taken=${[...keys, ...Object.keys(known)]} />`}`;
}
