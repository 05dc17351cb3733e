// The bar below the form: the staged edits, why they are refused, and the button that applies them.

import { parsePointer } from "../lib/json-pointer.js";
import { connection, ended, exactState, readOnly, schema, writable } from "../live/run.js";
import { html, useEffect, useRef } from "../vendor.js";
import { applying } from "./apply.js";
import { consequences } from "./dry-run.js";
import { valueAt } from "./merge-patch.js";
import { dropAllEdits, dropEdit, incomplete, notice, problems, staged, waiting } from "./staged-edits.js";
import { schemaAt } from "./subschema.js";
import { maskedText } from "./value-text.js";

/** @import { Schema } from "../lib/json-schema.js" */

const MOST_PATHS = 8; // in a line

/** @param {string} at */
const dotted = (at) => parsePointer(at).join(".") || "state";

/** @param {number} number */
const changes = (number) => (number === 1 ? "1 change" : `${number} changes`);

/** @param {{root: Schema}} props */
function Edits({ root }) {
  return html`<ul class="edits" aria-label="staged changes">${[...staged.value].map(([at, { value }]) => {
    const keys = parsePointer(at);
    const field = { root, raw: schemaAt(root, exactState.value, keys), live: valueAt(exactState.value, keys) };
    return html`<li key=${at}>
      <code>${dotted(at)}</code>
      <span><span class="old">${maskedText(field.live, field)}</span> → <strong>${maskedText(value, field)}</strong></span>
      <button type="button" class="quiet" aria-label="drop ${dotted(at)}" onClick=${() => dropEdit(at)}>drop</button>
    </li>`;
  })}</ul>`;
}

/** Return what to tell: about the last request, or why none can be sent. */
function message() {
  if (ended.value && staged.value.size) return `The run has ended: ${changes(staged.value.size)} not applied.`;
  if (notice.value.text || writable.value || connection.value === "connecting") return notice.value.text;
  if (ended.value) return "The run has ended: nothing can be changed.";
  return readOnly.value ? "This link is read-only." : "Not connected: nothing can be changed.";
}

function Answer() {
  const { bad, conflict } = notice.value;
  const [refused, also] = [problems.value, consequences.value.map(({ path }) => dotted(path))];
  return html`
    <div role="status" class="answer ${bad ? "error" : ""}">${message()}${conflict && " The fields show the live values beside what you staged."}</div>
    ${refused.length > 0 && html`<ul class="error" aria-label="refused">${refused.map(({ path, message: why }) => html`<li key=${path + why}>${path && html`<code>${dotted(path)}</code>`} ${why}</li>`)}</ul>`}
    ${also.length > 0 && html`<p class="hint">also changes: ${also.slice(0, MOST_PATHS).join(", ")}${also.length > MOST_PATHS && ", …"}</p>`}`;
}

/**
 * The buttons. After the run has ended, edits can only be dropped.
 * @param {{note: string, setNote: (note: string) => void}} props
 */
function Buttons({ note, setNote }) {
  if (ended.value) return html`<div class="apply"><button type="button" onClick=${dropAllEdits}>Drop</button></div>`;
  const disabled = !writable.value || applying.value || incomplete.value || problems.value.length > 0;
  return html`<div class="apply">
    <input type="text" aria-label="note" placeholder="why, for the journal" maxlength="1000" value=${note} onInput=${(event) => setNote(event.currentTarget.value)} />
    <button type="submit" class="primary" disabled=${disabled} title="Ctrl+Enter">Apply ${notice.value.conflict ? "anyway" : changes(staged.value.size)}</button>
    <button type="button" class="quiet" onClick=${dropAllEdits}>Drop all</button>
  </div>`;
}

/**
 * Keep the field that has the focus visible when the bar grows over it.
 * @param {{current: HTMLElement | null}} bar
 */
function useKeepFocusVisible(bar) {
  useEffect(() => {
    const resized = new ResizeObserver(() => {
      const focused = document.activeElement;
      if (focused?.closest(".state .field")) focused.scrollIntoView({ block: "nearest" });
    });
    if (bar.current) resized.observe(bar.current);
    return () => resized.disconnect();
  }, []);
}

/** @param {{note: string, setNote: (note: string) => void}} props */
export function StagedBar({ note, setNote }) {
  const [number, pending] = [staged.value.size, waiting.value.size];
  const bar = useRef(/** @type {HTMLElement | null} */ (null));
  useKeepFocusVisible(bar);
  const idle = !number && !pending && !message();
  return html`<div class="staged-bar" ref=${bar} data-idle=${idle ? "" : undefined}>
    ${number > 0 && schema.value && html`<${Edits} root=${schema.value} />`}
    <${Answer} />
    ${number > 0 && html`<${Buttons} note=${note} setNote=${setNote} />`}
    ${pending > 0 && html`<p class="pending">${changes(pending)} pending</p>`}
  </div>`;
}
