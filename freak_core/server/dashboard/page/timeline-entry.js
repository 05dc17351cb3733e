// One request in the timeline: who sent it, when, at which step, old → new, its result, and buttons to cancel or undo it.

import { requestFor } from "../form/merge-patch.js";
import { canUndo, changedSince, undoEdits } from "../form/undo.js";
import { absolute, ago } from "../lib/clock.js";
import { confirmed } from "../lib/dialog.js";
import { askedTexts, dotted, due, reasons, resultParts, subject, valueText, where } from "../live/receipt-text.js";
import { RequestStatus, useRequest } from "../live/request-status.js";
import { etag, exactState, schema, writable } from "../live/run.js";
import { html } from "../vendor.js";

/**
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Receipt } from "../live/receipts.js"
 */

/** @type {Record<string, string>} */
const SYMBOLS = { accepted: "◷", applied: "✓", failed: "✕", rejected: "✕", cancelled: "–" };

/**
 * Return what to ask the user before an undo, "" for nothing.
 * @param {Receipt} receipt
 * @param {Schema} root
 * @param {string[]} ambiguous paths that may have been null or missing
 */
function undoQuestion(receipt, root, ambiguous) {
  /** @param {string[]} paths */
  const named = (paths) => paths.map(dotted).join(", ");
  const since = changedSince(receipt, exactState.value, root);
  const questions = [];
  if (since.length) questions.push(`${named(since)} has been changed since. Restore the values from before #${receipt.seq} all the same?`);
  if (ambiguous.length) {
    questions.push(`#${receipt.seq} does not tell whether ${named(ambiguous)} had been none or not there: undo removes ${ambiguous.length > 1 ? "them" : "it"}.`);
  }
  return questions.join(" ");
}

/** @param {{receipt: Receipt, root: Schema}} props */
function Undo({ receipt, root }) {
  const request = useRequest();
  const undo = undoEdits(receipt, exactState.value, root);
  async function press() {
    if (!undo) return;
    const question = undoQuestion(receipt, root, undo.ambiguous);
    if (question && !(await confirmed("Undo this change?", question, "Undo"))) return;
    const { method, route, body } = requestFor(undo.edits, exactState.value, root);
    request.ask(method, route, body, { note: `undo of #${receipt.seq}`, ifMatch: etag.value });
  }
  return html`
    <button type="button" class="quiet" disabled=${!writable.value || request.busy || !undo} aria-label=${`Undo #${receipt.seq}`}
      title=${undo ? "Restore the old values" : "The old values are back already"} onClick=${press}>Undo</button>
    ${request.problem && html`<${RequestStatus} request=${request} />`}`;
}

/** @param {{receipt: Receipt}} props */
function Cancel({ receipt }) {
  const request = useRequest();
  return html`
    <button type="button" class="quiet" disabled=${!writable.value || request.busy} aria-label=${`Cancel #${receipt.seq}`}
      onClick=${() => request.ask("DELETE", `receipts/${receipt.id}`)}>Cancel</button>
    ${request.problem && html`<${RequestStatus} request=${request} />`}`;
}

/**
 * What the request changed; before it is applied, what it asks for.
 * @param {{receipt: Receipt}} props
 */
function Changes({ receipt }) {
  const { changes, kind, status } = receipt;
  if (changes.length) {
    return html`<ul class="changes">${changes.map((change) => html`
      <li key=${change.path}><code>${dotted(change.path)}</code> <span class="old">${valueText(change.old)}</span> <span aria-label="becomes">→</span> <span class="new">${valueText(change.new)}</span></li>`)}</ul>`;
  }
  if (status === "applied") return ["patch", "json_patch", "put", "reset"].includes(kind) && html`<p class="meta">nothing changed</p>`;
  const asked = askedTexts(receipt);
  return asked.length > 0 && html`<ul class="changes">${asked.map(([path, text], number) => html`
    <li key=${number}><code>${dotted(path)}</code> <span aria-label="asked for">→</span> <span class="new">${text}</span></li>`)}</ul>`;
}

/** @param {{receipt: Receipt}} props */
function Result({ receipt: { result } }) {
  if (result === null || result === undefined) return null;
  return html`<dl class="result">${resultParts(result).filter(([, text]) => text !== "null").map(([name, text]) => html`<div key=${name}><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>`;
}

/** @param {{receipt: Receipt}} props */
export function TimelineEntry({ receipt }) {
  const { seq, status, note, by, error, applied, requested_at: requested } = receipt;
  const time = applied?.at ?? requested;
  return html`<li class=${status} id=${`receipt-${seq}`}>
    <span class="status ${status}"><span aria-hidden="true">${SYMBOLS[status]} </span>${status}${status === "applied" ? where(receipt) : due(receipt)}</span>
    <span class="subject"><small>#${seq}</small> ${subject(receipt)}</span>
    <span class="meta">by ${by}, <time datetime=${time} title=${absolute(time)}>${ago(time)}</time></span>
    <${Changes} receipt=${receipt} />
    ${error && html`<p class="bad">${reasons(error)}</p>`}
    <${Result} receipt=${receipt} />
    ${note && html`<p class="note">${note}</p>`}
    ${receipt.journal === "degraded" && html`<p class="bad">not in the journal: it cannot be written</p>`}
    <div class="do">
      ${status === "accepted" && html`<${Cancel} receipt=${receipt} />`}
      ${canUndo(receipt) && schema.value && html`<${Undo} receipt=${receipt} root=${schema.value} />`}
    </div>
  </li>`;
}
