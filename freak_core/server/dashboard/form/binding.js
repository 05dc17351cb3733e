// A place in a value: what is there, and how to change it. Fields are drawn for a place and know nothing else.

import { pieces, pointer } from "../live/api.js";
import { same } from "../lib/json.js";
import { edited, GONE } from "./merge-patch.js";
import { drop, stage, staged, waiting } from "./staged-edits.js";

/** Return the place at a pointer of the state; its edits are staged there. */
export function statePlace(at, raw, live, root) {
  const entry = staged.value.get(at);
  const sent = waiting.value.get(at);
  return {
    at, raw, live, root, entry, sent,
    held: false,
    value: entry ? entry.value : sent ? sent.value : live,
    set: (value) => stage(at, value),
    drop: () => drop(at),
  };
}

function replaced(value, key, part) {
  const made = Array.isArray(value) ? [...value] : { ...value };
  if (part === GONE || part === undefined) delete made[key];
  else made[key] = part;
  return made;
}

/**
 * Return a place inside of another.
 *
 * Items of a list, and what is inside of a value that is replaced as a whole, belong to that value's edit.
 */
export function inside(place, key, raw) {
  const at = place.at + pointer([key]);
  const live = Object(place.live)[key];
  if (!place.held && !place.entry && !place.sent && !Array.isArray(place.value)) return statePlace(at, raw, live, place.root);
  const value = Object(place.value)[key];
  const set = (part) => place.set(replaced(place.value, key, part));
  return { at, raw, live, root: place.root, held: true, value, set, drop: () => set(live), differs: live !== undefined && !same(value, live) };
}

/** Return the value of a place with the edits that are staged inside of it. */
export function whole(place) {
  if (place.held || place.entry || place.sent) return place.value;
  const depth = pieces(place.at).length;
  const within = [...staged.value].filter(([at]) => at.startsWith(`${place.at}/`));
  return within.length ? edited(place.live, within.map(([at, { value }]) => [pieces(at).slice(depth), value])) : place.live;
}

/** Return an id for the parts of a field, free of spaces. */
export const idOf = (place, part) => `${part}-${encodeURIComponent(place.at) || "state"}`;
