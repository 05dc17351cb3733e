// The state as a form, made from its JSON schema.

import { ended, exactState, revision, schema, writable } from "../live/run.js";
import { html, useState } from "../vendor.js";
import { apply } from "./apply.js";
import { bind, ownsEdits } from "./binding.js";
import { Field } from "./field.js";
import { ObjectFields } from "./group.js";
import { describe } from "./schema-kinds.js";
import { StagedBar } from "./staged-bar.js";
import { notice } from "./staged-edits.js";

/** @import { Schema } from "../lib/json-schema.js" */

/** @param {{root: Schema}} props */
function Fields({ root }) {
  const binding = bind("", root, exactState.value, root);
  const described = describe(root, root);
  return described.kind === "object" && ownsEdits(binding)
    ? html`<${ObjectFields} binding=${binding} described=${described} />`
    : html`<${Field} name="state" binding=${binding} />`;
}

/**
 * Ctrl+Enter applies the edits. Enter does so in the note only; elsewhere in a line of text it does nothing.
 * @param {KeyboardEvent & {target: HTMLElement, currentTarget: HTMLFormElement}} event
 */
function onKeyDown(event) {
  const { target } = event;
  if (event.key !== "Enter" || target.tagName === "BUTTON" || target.tagName === "SUMMARY") return;
  if (event.ctrlKey || event.metaKey) event.currentTarget.requestSubmit();
  else if (target.tagName !== "INPUT" || target.closest(".staged-bar")) return;
  event.preventDefault();
}

export function StateForm() {
  const [note, setNote] = useState("");
  /** @param {Event} event */
  const onSubmit = async (event) => {
    event.preventDefault();
    if (await apply(note.trim(), notice.value.conflict)) setNote("");
  };
  const root = exactState.value === null ? null : schema.value;
  if (!root && ended.value) {
    return html`<section aria-labelledby="state-title" class="state"><h2 id="state-title">State</h2><p class="hint">No state was recorded.</p></section>`;
  }
  return html`<section aria-labelledby="state-title" class="state">
    <h2 id="state-title">State <small>revision ${revision.value}</small></h2>
    <form onSubmit=${onSubmit} onKeyDown=${onKeyDown} autocomplete="off" novalidate>
      <fieldset class="fields" disabled=${!writable.value} aria-labelledby="state-title">
        ${root && html`<${Fields} root=${root} />`}
      </fieldset>
      <${StagedBar} note=${note} setNote=${setNote} />
    </form>
  </section>`;
}
