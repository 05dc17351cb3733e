// The state as a form, made from its JSON schema.

import { Field } from "./field.js";
import { ObjectFields } from "./group.js";
import { describe } from "./schema-kinds.js";
import { statePlace } from "./binding.js";
import { exact as state, revision, schema, writable } from "../live/run.js";
import { apply, notice } from "./staged-edits.js";
import { StagedBar } from "./staged-bar.js";
import { html, useState } from "../vendor.js";

function Fields() {
  const place = statePlace("", schema.value, state.value, schema.value);
  const described = describe(place.raw, place.root);
  return described.kind === "object" && !place.entry && !place.sent
    ? html`<${ObjectFields} place=${place} described=${described} />`
    : html`<${Field} name="state" place=${place} />`;
}

export function StateForm() {
  const [note, setNote] = useState("");
  const onSubmit = async (event) => {
    event.preventDefault();
    if (await apply(note.trim(), notice.value.conflict)) setNote("");
  };
  const onKeyDown = (event) => {
    const { target } = event;
    if (event.key !== "Enter" || target.tagName === "BUTTON" || target.tagName === "SUMMARY") return;
    if (event.ctrlKey || event.metaKey) event.currentTarget.requestSubmit();
    else if (target.tagName !== "INPUT" || target.closest(".staged-bar")) return; // a new line; the note's Enter applies
    event.preventDefault();
  };
  const known = schema.value && state.value !== null;
  return html`<section aria-labelledby="state-title" class="state">
    <h2 id="state-title">State <small>revision ${revision.value}</small></h2>
    <form onSubmit=${onSubmit} onKeyDown=${onKeyDown} autocomplete="off" novalidate>
      <fieldset class="fields" disabled=${!writable.value} aria-labelledby="state-title">
        ${known && html`<${Fields} />`}
      </fieldset>
      <${StagedBar} note=${note} setNote=${setNote} />
    </form>
  </section>`;
}
