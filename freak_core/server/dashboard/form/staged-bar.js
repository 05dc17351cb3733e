// What is staged, and the one button that applies it all.

import { words } from "./field-messages.js";
import { pieces } from "../live/api.js";
import { connection, ended, exact as state, readOnly, schema, writable } from "../live/run.js";
import { schemaAt, valueAt } from "./merge-patch.js";
import { applying, consequences, drop, incomplete, notice, problems, staged, waiting } from "./staged-edits.js";
import { html, useEffect, useRef } from "../vendor.js";

const MOST = 8; // paths named in a line

const dotted = (at) => pieces(at).join(".") || "state";
const count = (number) => (number === 1 ? "1 change" : `${number} changes`);

function Edits() {
  const placeOf = (at) => {
    const keys = pieces(at);
    return { at, root: schema.value, raw: schemaAt(schema.value, state.value, keys), live: valueAt(state.value, keys) };
  };
  return html`<ul class="edits" aria-label="staged changes">${[...staged.value].map(([at, { value }]) => {
    const place = placeOf(at);
    return html`<li key=${at}>
      <code>${dotted(at)}</code>
      <span><span class="old">${words(place.live, place)}</span> → <strong>${words(value, place)}</strong></span>
      <button type="button" class="quiet" aria-label="drop ${dotted(at)}" onClick=${() => drop(at)}>drop</button>
    </li>`;
  })}</ul>`;
}

/** Return what is to be told: about the last request, else why none can be made. */
function told() {
  if (ended.value && staged.value.size) return `The run has ended: ${count(staged.value.size)} not applied.`;
  if (notice.value.text || writable.value || connection.value === "connecting") return notice.value.text;
  if (readOnly.value) return "This link may only read.";
  return ended.value ? "The run is over: nothing can be changed." : "Not connected: nothing can be changed.";
}

function Answer() {
  const { bad, conflict } = notice.value;
  const [refused, also] = [problems.value, consequences.value.map(({ path }) => dotted(path))];
  return html`
    <div role="status" class="answer ${bad ? "error" : ""}">${told()}${conflict && " The fields show what is live now beside what you staged."}</div>
    ${refused.length > 0 && html`<ul class="error" aria-label="refused">${refused.map(({ path, message }) => html`<li key=${path + message}>${path && html`<code>${dotted(path)}</code>`} ${message}</li>`)}</ul>`}
    ${also.length > 0 && html`<p class="hint">changes too: ${also.slice(0, MOST).join(", ")}${also.length > MOST && ", …"}</p>`}`;
}

/** What becomes of the edits: what is left of them at the end of a run can only be dropped. */
function Buttons({ note, setNote }) {
  if (ended.value) return html`<div class="apply"><button type="button" onClick=${() => drop()}>Drop</button></div>`;
  const refused = !writable.value || applying.value || incomplete.value || problems.value.length > 0;
  return html`<div class="apply">
    <input type="text" aria-label="note" placeholder="why, for the journal" maxlength="1000" value=${note} onInput=${({ currentTarget }) => setNote(currentTarget.value)} />
    <button type="submit" class="primary" disabled=${refused} title="Ctrl+Enter">Apply ${notice.value.conflict ? "anyway" : count(staged.value.size)}</button>
    <button type="button" class="quiet" onClick=${() => drop()}>Drop all</button>
  </div>`;
}

/** Keep the field that is being edited in sight of a bar that grows over it. */
function useReveal(bar) {
  useEffect(() => {
    const grown = new ResizeObserver(() => {
      const edited = document.activeElement;
      if (edited.closest(".state .field")) edited.scrollIntoView({ block: "nearest" });
    });
    grown.observe(bar.current);
    return () => grown.disconnect();
  }, []);
}

export function StagedBar({ note, setNote }) {
  const [number, pending] = [staged.value.size, waiting.value.size];
  const bar = useRef(null);
  useReveal(bar);
  return html`<div class="staged-bar" ref=${bar} data-idle=${number || pending || told() ? undefined : ""}>
    ${number > 0 && html`<${Edits} />`}
    <${Answer} />
    ${number > 0 && html`<${Buttons} note=${note} setNote=${setNote} />`}
    ${pending > 0 && html`<p class="pending">${count(pending)} pending</p>`}
  </div>`;
}
