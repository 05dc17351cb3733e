// Every request, newest first, with filters.

import { get } from "../live/api.js";
import { RECEIPTS_AT_FIRST } from "../live/event-stream.js";
import { onKey } from "./keyboard.js";
import { Receipt } from "./receipt.js";
import { facts, newest, newestFirst, takeReceipts } from "../live/run.js";
import { computed, html, signal, useState } from "../vendor.js";
import { reasons, subject, where } from "../live/receipt-text.js";

const PAGE = 30;
const STATUSES = ["accepted", "applied", "failed", "rejected", "cancelled"];
const text = signal("");
const status = signal("");
const shown = signal(PAGE);

onKey("/", "search the timeline", () => document.getElementById("timeline-search")?.focus());

/** What a receipt is found by. */
const words = (receipt) =>
  `#${receipt.seq} ${subject(receipt)} ${receipt.changes.map(({ path }) => `${path} ${path.slice(1).replaceAll("/", ".")}`).join(" ")} ${receipt.note ?? ""} ${receipt.by}`.toLowerCase();

const found = computed(() => {
  const wanted = text.value.trim().toLowerCase();
  return newestFirst.value.filter((receipt) => (!status.value || receipt.status === status.value) && (!wanted || words(receipt).includes(wanted)));
});

/** What a screen reader says when something has happened to a request. */
const spoken = computed(() => {
  if (!newest.value) return "";
  const receipt = newest.value;
  return `#${receipt.seq} ${subject(receipt)}: ${receipt.status}${where(receipt)}${receipt.error ? `, ${reasons(receipt.error)}` : ""}`;
});

/** Show more; what this page does not know comes from the server, which keeps the newest thousand. */
function Older() {
  const [asking, setAsking] = useState(false);
  const [none, setNone] = useState(false);
  const oldest = newestFirst.value.at(-1)?.seq ?? 1;
  async function more() {
    shown.value += PAGE;
    if (shown.value < found.value.length || oldest <= 1) return;
    setAsking(true);
    try {
      const since = Math.max(0, oldest - 1 - RECEIPTS_AT_FIRST);
      const older = await get(`receipts?since=${since}&limit=${oldest - 1 - since}`);
      takeReceipts(older);
      setNone(!older.some(({ seq }) => seq < oldest));
    } catch { /* the button is still there */ }
    setAsking(false);
  }
  if (none) return html`<p class="hint">Older ones are in the journal only${facts.value.journal_path && html`: <code>${facts.value.journal_path}</code>`}.</p>`;
  if (found.value.length <= shown.value && oldest <= 1) return null;
  return html`<button type="button" class="older" disabled=${asking} onClick=${more}>Show older</button>`;
}

export function Timeline() {
  const some = newestFirst.value.length > 0;
  return html`<section class="timeline" aria-labelledby="timeline-title">
    <div class="heading">
      <h2 id="timeline-title">Timeline</h2>
      ${some && html`<div class="filters">
        <input id="timeline-search" type="search" aria-label="Search the timeline" placeholder="path, note, who…" value=${text.value} onInput=${(event) => { text.value = event.target.value; }} />
        <select aria-label="Status" value=${status.value} onChange=${(event) => { status.value = event.target.value; }}>
          <option value="">every status</option>
          ${STATUSES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      </div>`}
    </div>
    <p class="unseen" aria-live="polite">${spoken.value}</p>
    ${!found.value.length && html`<p class="hint">${some ? "No request fits." : "No requests so far. What you or anybody asks for appears here, with what became of it."}</p>`}
    <ol>${found.value.slice(0, shown.value).map((receipt) => html`<${Receipt} key=${receipt.id} receipt=${receipt} />`)}</ol>
    ${some && html`<${Older} />`}
  </section>`;
}
