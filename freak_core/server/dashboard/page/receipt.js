// One request: who, when, at which step, old → new, what became of it, and how to take it back.

import { absolute, ago } from "../lib/clock.js";
import { confirmed } from "../lib/dialog.js";
import { Outcome, useRequest } from "../live/request.js";
import { requestFor } from "../form/merge-patch.js";
import { etag, exact as state, schema, writable } from "../live/run.js";
import { canUndo, changedSince, undoing } from "../form/undo.js";
import { html } from "../vendor.js";
import { dotted, due, parts, reasons, subject, value, where, wishes } from "../live/receipt-text.js";

const MARKS = { accepted: "◷", applied: "✓", failed: "✕", rejected: "✕", cancelled: "–" };

/** Return what to ask before a change is undone: whether others' changes may go, and what is not known. */
function doubts(receipt, untold) {
  const named = (paths) => paths.map(dotted).join(", ");
  const since = changedSince(receipt, state.value, schema.value);
  return [
    since.length && `${named(since)} has been changed since. Bring the values from before #${receipt.seq} back all the same?`,
    untold.length && `#${receipt.seq} does not tell whether ${named(untold)} had been none or not there: undo removes ${untold.length > 1 ? "them" : "it"}.`,
  ].filter(Boolean).join(" ");
}

function Undo({ receipt }) {
  const request = useRequest();
  const back = undoing(receipt, state.value, schema.value);
  async function undo() {
    const question = doubts(receipt, back.untold);
    if (question && !(await confirmed("Undo this change?", question, "Undo"))) return;
    const { method, route, body } = requestFor(back.edits, state.value, schema.value);
    request.ask(method, route, body, { note: `undo of #${receipt.seq}`, ifMatch: etag.value });
  }
  return html`
    <button type="button" class="quiet" disabled=${!writable.value || request.busy || !back} aria-label=${`Undo #${receipt.seq}`}
      title=${back ? "Ask for the old values again" : "The old values are back already"} onClick=${undo}>Undo</button>
    ${request.problem && html`<${Outcome} request=${request} />`}`;
}

function Cancel({ receipt }) {
  const request = useRequest();
  return html`
    <button type="button" class="quiet" disabled=${!writable.value || request.busy} aria-label=${`Cancel #${receipt.seq}`}
      onClick=${() => request.ask("DELETE", `receipts/${receipt.id}`)}>Cancel</button>
    ${request.problem && html`<${Outcome} request=${request} />`}`;
}

function Result({ receipt: { result } }) {
  if (result === null || result === undefined) return null;
  return html`<dl class="result">${parts(result).filter(([, text]) => text !== "null").map(([what, text]) => html`<div key=${what}><dt>${what}</dt><dd>${text}</dd></div>`)}</dl>`;
}

export function Receipt({ receipt }) {
  const { seq, status, changes, note, by, error, applied, requested_at: asked } = receipt;
  const time = applied?.at ?? asked;
  return html`<li class=${status} id=${`receipt-${seq}`}>
    <span class="status ${status}"><span aria-hidden="true">${MARKS[status]} </span>${status}${status === "applied" ? where(receipt) : due(receipt)}</span>
    <span class="subject"><small>#${seq}</small> ${subject(receipt)}</span>
    <span class="meta">by ${by}, <time datetime=${time} title=${absolute(time)}>${ago(time)}</time></span>
    ${changes.length > 0 && html`<ul class="changes">${changes.map((change) => html`
      <li key=${change.path}><code>${dotted(change.path)}</code> <span class="old">${value(change.old)}</span> <span aria-label="becomes">→</span> <span class="new">${value(change.new)}</span></li>`)}</ul>`}
    ${changes.length === 0 && status !== "applied" && wishes(receipt).length > 0 && html`<ul class="changes">${wishes(receipt).map(([path, wish]) => html`
      <li key=${path}><code>${dotted(path)}</code> <span aria-label="asked for">→</span> <span class="new">${value(wish)}</span></li>`)}</ul>`}
    ${changes.length === 0 && status === "applied" && ["patch", "put", "reset"].includes(receipt.kind) && html`<p class="meta">nothing changed</p>`}
    ${error && html`<p class="bad">${reasons(error)}</p>`}
    <${Result} receipt=${receipt} />
    ${note && html`<p class="note">${note}</p>`}
    ${receipt.journal === "degraded" && html`<p class="bad">not in the journal: it cannot be written</p>`}
    <div class="do">
      ${status === "accepted" && html`<${Cancel} receipt=${receipt} />`}
      ${canUndo(receipt) && html`<${Undo} receipt=${receipt} />`}
    </div>
  </li>`;
}
