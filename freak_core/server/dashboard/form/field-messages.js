// What is to be said at a field: why it is refused, old → new, what is waited for, what became of it.

import { same, some, stringify, Unparsed } from "../lib/json.js";
import { changed, describe, MASK } from "./schema-kinds.js";
import { idOf } from "./binding.js";
import { brief, GONE } from "./merge-patch.js";
import { outcomes, problems } from "./staged-edits.js";
import { html } from "../vendor.js";

const LONGEST = 80;

/** Return a value in a few words; a secret as its mask. */
export function words(value, place) {
  if (value instanceof Unparsed) return value.text || "nothing";
  const open = value === undefined || value === GONE || place.live === MASK
    ? value : changed(value, place.raw, place.root, (each, { kind }) => (kind === "secret" && typeof each === "string" ? MASK : each));
  const shown = place.live === MASK && typeof value === "string" ? MASK : open;
  const text = brief(shown, (each) => (some(each, (part) => part instanceof Unparsed) ? "…" : stringify(each)));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Return why a place is refused; `deep`: or anything in it, for a control that shows all of that. */
export function refusals(place, deep) {
  if (place.value instanceof Unparsed) return [place.value.message];
  return problems.value
    .filter(({ path }) => path === place.at || (deep && path.startsWith(`${place.at}/`)))
    .map(({ path, message }) => (path === place.at ? message : `${path.slice(place.at.length)}: ${message}`));
}

/** Whether anything in a place is refused. */
export const troubled = (place) => problems.value.some(({ path }) => path.startsWith(`${place.at}/`));

function Staged({ place, name }) {
  const { entry, live } = place;
  return html`<p class="staged">
    <span><span class="old">${words(entry.base, place)}</span> → <strong>${words(entry.value, place)}</strong></span>
    <button type="button" class="quiet" aria-label="drop the change of ${name}" onClick=${place.drop}>drop</button>
    ${!same(entry.base, live) && html`<span class="meanwhile">changed meanwhile: now ${words(live, place)}</span>`}
  </p>`;
}

export function Marks({ place, name, deep }) {
  const why = refusals(place, deep);
  const became = outcomes.value.get(place.at);
  return html`
    ${why.length > 0 && html`<p class="error" id=${idOf(place, "error")}>${why.join("; ")}</p>`}
    ${place.entry && html`<${Staged} place=${place} name=${name} />`}
    ${place.sent && !place.entry && html`<p class="pending">→ <strong>${words(place.sent.value, place)}</strong> pending: the program applies it at its next safe point</p>`}
    ${became && html`<p class="applied">${became}</p>`}`;
}

/** Return the ARIA attributes of a place's control. */
export function ariaOf(place, hint, deep) {
  const bad = refusals(place, deep).length > 0;
  const by = [hint && idOf(place, "hint"), bad && idOf(place, "error")].filter(Boolean).join(" ");
  return { "aria-invalid": bad ? "true" : undefined, "aria-describedby": by || undefined };
}

/** Say what the schema says of a field beyond its name. */
export function hintOf(raw, root, name) {
  const { schema } = describe(raw, root);
  const plain = (text) => text.toLowerCase().replace(/[\s_]/g, "");
  const title = raw.title && plain(raw.title) !== plain(name) ? raw.title : "";
  const examples = schema.examples?.length ? `such as ${schema.examples.map((each) => brief(each, stringify)).join(", ")}` : "";
  return [title, raw.description ?? schema.description, examples].filter(Boolean).join(" · ");
}
