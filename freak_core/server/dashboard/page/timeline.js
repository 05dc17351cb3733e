// The timeline: every request, newest first, with filters.

import { get } from "../live/api.js";
import { RECEIPTS_AT_FIRST } from "../live/event-stream.js";
import { reasons, subject, where } from "../live/receipt-text.js";
import { announced, newestFirst, takeReceipts } from "../live/receipts.js";
import { facts } from "../live/run.js";
import { computed, html, signal, useState } from "../vendor.js";
import { addShortcut } from "./keyboard.js";
import { TimelineEntry } from "./timeline-entry.js";

/** @import { Receipt } from "../live/receipts.js" */

const PAGE = 30;
const STATUSES = ["accepted", "applied", "failed", "rejected", "cancelled"];
const search = signal("");
const status = signal("");
/** How many entries the page shows. */
const shown = signal(PAGE);

addShortcut("/", "search the timeline", () => document.getElementById("timeline-search")?.focus());

/**
 * Return the text that a search looks into.
 * @param {Receipt} receipt
 */
const searchText = (receipt) =>
  `#${receipt.seq} ${subject(receipt)} ${receipt.changes.map(({ path }) => `${path} ${path.slice(1).replaceAll("/", ".")}`).join(" ")} ${receipt.note ?? ""} ${receipt.by}`.toLowerCase();

const found = computed(() => {
  const wanted = search.value.trim().toLowerCase();
  return newestFirst.value.filter((receipt) => (!status.value || receipt.status === status.value) && (!wanted || searchText(receipt).includes(wanted)));
});

/** What a screen reader says about the newest receipt. */
const announcement = computed(() => {
  if (!announced.value) return "";
  const receipt = announced.value;
  return `#${receipt.seq} ${subject(receipt)}: ${receipt.status}${where(receipt)}${receipt.error ? `, ${reasons(receipt.error)}` : ""}`;
});

/** The button that shows older requests. The server keeps the newest thousand. */
function ShowOlder() {
  const [loading, setLoading] = useState(false);
  const [none, setNone] = useState(false);
  const oldest = newestFirst.value.at(-1)?.seq ?? 1;
  async function more() {
    shown.value += PAGE;
    if (shown.value < found.value.length || oldest <= 1) return;
    setLoading(true);
    try {
      const since = Math.max(0, oldest - 1 - RECEIPTS_AT_FIRST);
      /** @type {Receipt[]} */
      const older = await get(`receipts?since=${since}&limit=${oldest - 1 - since}`);
      takeReceipts(older);
      setNone(!older.some(({ seq }) => seq < oldest));
    } catch { /* the button stays: the user can press it again */ }
    setLoading(false);
  }
  if (none) return html`<p class="hint">Older requests are in the journal only${facts.value.journal_path && html`: <code>${facts.value.journal_path}</code>`}.</p>`;
  if (found.value.length <= shown.value && oldest <= 1) return null;
  return html`<button type="button" class="older" disabled=${loading} onClick=${more}>Show older</button>`;
}

export function Timeline() {
  const any = newestFirst.value.length > 0;
  return html`<section class="timeline" aria-labelledby="timeline-title">
    <div class="heading">
      <h2 id="timeline-title">Timeline</h2>
      ${any && html`<div class="filters">
        <input id="timeline-search" type="search" aria-label="Search the timeline" placeholder="path, note, who…" value=${search.value} onInput=${(event) => { search.value = event.target.value; }} />
        <select aria-label="Status" value=${status.value} onChange=${(event) => { status.value = event.target.value; }}>
          <option value="">every status</option>
          ${STATUSES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      </div>`}
    </div>
    <p class="unseen" aria-live="polite">${announcement.value}</p>
    ${!found.value.length && html`<p class="hint">${any ? "No request matches." : "No requests yet. Every request appears here, whoever sent it, with its result."}</p>`}
    <ol>${found.value.slice(0, shown.value).map((receipt) => html`<${TimelineEntry} key=${receipt.id} receipt=${receipt} />`)}</ol>
    ${any && html`<${ShowOlder} />`}
  </section>`;
}
