// The messages at a field: why a value is refused, old → new, whether it waits, what became of it.

import { isNumber, same, Unparsed } from "../lib/json.js";
import { inForce } from "../live/run.js";
import { html } from "../vendor.js";
import { elementId } from "./binding.js";
import { describe } from "./schema-kinds.js";
import { outcomes, problems } from "./staged-edits.js";
import { maskedText, valueText } from "./value-text.js";

/**
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Binding } from "./binding.js"
 * @import { Edit } from "./staged-edits.js"
 */

/**
 * Return why a value is refused.
 * @param {Binding} binding
 * @param {boolean} deep also for the values inside, for a control that shows all of them
 */
function refusals(binding, deep) {
  const { at, value } = binding;
  if (value instanceof Unparsed) return [value.message];
  return problems.value
    .filter(({ path }) => path === at || (deep && path.startsWith(`${at}/`)))
    .map(({ path, message }) => (path === at ? message : `${path.slice(at.length)}: ${message}`));
}

/**
 * Return whether a value inside this one is refused.
 * @param {Binding} binding
 */
export const hasProblemsInside = (binding) => problems.value.some(({ path }) => path.startsWith(`${binding.at}/`));

/** @param {{binding: Binding, edit: Edit, name: string}} props */
function StagedChange({ binding, edit, name }) {
  const { live, drop } = binding;
  return html`<p class="staged">
    <span><span class="old">${maskedText(edit.base, binding)}</span> → <strong>${maskedText(edit.value, binding)}</strong></span>
    <button type="button" class="quiet" aria-label="drop the change of ${name}" onClick=${drop}>drop</button>
    ${!same(edit.base, live) && html`<span class="meanwhile">changed meanwhile: now ${maskedText(live, binding)}</span>`}
  </p>`;
}

/** @param {{binding: Binding, name: string, deep: boolean}} props */
export function FieldMessages({ binding, name, deep }) {
  const { at, edit, sent } = binding;
  const why = refusals(binding, deep);
  const outcome = outcomes.value.get(at);
  const now = inForce.value[at];
  const isShown = now === String(binding.live) || (isNumber(binding.live) && Number(now) === Number(binding.live));
  return html`
    ${now !== undefined && !isShown && html`<p class="hint in-force">in force: <strong>${now}</strong></p>`}
    ${why.length > 0 && html`<p class="error" id=${elementId(binding, "error")}>${why.join("; ")}</p>`}
    ${edit && html`<${StagedChange} binding=${binding} edit=${edit} name=${name} />`}
    ${sent && !edit && html`<p class="pending">→ <strong>${maskedText(sent.value, binding)}</strong> pending: the program applies it at its next safe point</p>`}
    ${outcome && html`<p class="applied">${outcome}</p>`}`;
}

/**
 * Return the ARIA attributes of a control.
 * @param {Binding} binding
 * @param {string} hint
 * @param {boolean} deep
 */
export function ariaAttributes(binding, hint, deep) {
  const invalid = refusals(binding, deep).length > 0;
  const by = [hint && elementId(binding, "hint"), invalid && elementId(binding, "error")].filter(Boolean).join(" ");
  return { "aria-invalid": invalid ? "true" : undefined, "aria-describedby": by || undefined };
}

/**
 * Return what the schema says of a field: title, description, examples.
 * @param {Schema} raw
 * @param {Schema} root
 * @param {string} name
 */
export function hintText(raw, root, name) {
  const { schema } = describe(raw, root);
  /** @param {string} text */
  const plain = (text) => text.toLowerCase().replace(/[\s_]/g, "");
  const title = raw.title && plain(raw.title) !== plain(name) ? raw.title : "";
  const examples = schema.examples?.length ? `such as ${schema.examples.map(valueText).join(", ")}` : "";
  return [title, raw.description ?? schema.description, examples].filter(Boolean).join(" · ");
}
