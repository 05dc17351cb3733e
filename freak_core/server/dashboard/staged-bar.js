// What is staged, and the one button that applies it all.

import { words } from "./field-marks.js";
import { pieces } from "./api.js";
import { connection, ended, exact as state, schema, writable } from "./run.js";
import { schemaAt, valueAt } from "./request.js";
import { applying, consequences, drop, incomplete, notice, problems, staged, waiting } from "./staged.js";
import { html, useState } from "./vendor.js";

function count(number) {
  return number === 1 ? "1 change" : `${number} changes`;
}

function Edits() {
  const placeOf = (at) => {
    const keys = pieces(at);
    return { at, root: schema.value, raw: schemaAt(schema.value, state.value, keys), live: valueAt(state.value, keys) };
  };
  return html`<ul class="edits" aria-label="staged changes">${[...staged.value].map(([at, { value }]) => {
    const place = placeOf(at);
    return html`<li key=${at}>
      <code>${at || "/"}</code>
      <span><span class="old">${words(place.live, place)}</span> → <strong>${words(value, place)}</strong></span>
      <button type="button" class="quiet" aria-label="drop ${at}" onClick=${() => drop(at)}>drop</button>
    </li>`;
  })}</ul>`;
}

function Answer() {
  const { text, bad, conflict } = notice.value;
  const refused = problems.value;
  return html`
    <div role="status" class="answer ${bad ? "error" : ""}">
      ${text}
      ${!text && !writable.value && (ended.value ? "The run is over: nothing can be changed." : connection.value === "connecting" ? "" : "Not connected: nothing can be changed.")}
      ${conflict && html` The fields show what is live now beside what you staged.`}
    </div>
    ${refused.length > 0 && html`<ul class="error" aria-label="refused">${refused.map(({ path, message }) => html`<li key=${path + message}>${path && html`<code>${path}</code>`} ${message}</li>`)}</ul>`}
    ${consequences.value.length > 0 && html`<p class="hint">changes too: ${consequences.value.slice(0, 8).map(({ path }) => path).join(", ")}${consequences.value.length > 8 ? ", …" : ""}</p>`}`;
}

export function StagedBar({ note, setNote, onApply }) {
  const number = staged.value.size;
  const pending = waiting.value.size;
  const { conflict } = notice.value;
  const idle = number === 0 && !pending && !notice.value.text && writable.value;
  return html`<div class="staged-bar" data-idle=${idle ? "" : undefined}>
    ${number > 0 && html`<${Edits} />`}
    <${Answer} />
    ${number > 0 && html`<div class="apply">
      <input type="text" aria-label="note" placeholder="why, for the journal" maxlength="1000" value=${note} onInput=${({ currentTarget }) => setNote(currentTarget.value)} />
      <button type="submit" class="primary" disabled=${!writable.value || applying.value || incomplete.value || problems.value.length > 0 && !notice.value.bad}>Apply ${count(number)}</button>
      ${conflict && html`<button type="button" onClick=${() => onApply(true)}>Apply anyway</button>`}
      <button type="button" class="quiet" onClick=${() => drop()}>Drop all</button>
    </div>`}
    ${pending > 0 && html`<p class="pending">${count(pending)} pending</p>`}
  </div>`;
}
