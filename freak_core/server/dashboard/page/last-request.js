// The newest request in a line at the top, as the timeline may be far below. No live region: the timeline's is read out.

import { absolute, ago } from "../lib/clock.js";
import { newestFirst } from "../live/run.js";
import { html } from "../vendor.js";
import { dotted, due, reasons, subject, value, where } from "../live/receipt-text.js";

/** Return what a request was: its first change with both values, else what it is about. */
function gist(receipt) {
  const [first, ...others] = receipt.changes;
  if (!first) return subject(receipt);
  const more = others.length ? `, and ${others.length} more` : "";
  return `${dotted(first.path)} ${value(first.old)} → ${value(first.new)}${more}`;
}

export function Latest() {
  const receipt = newestFirst.value[0];
  if (!receipt) return null;
  const { seq, status, error, applied, requested_at: asked } = receipt;
  const time = applied?.at ?? asked;
  return html`<p class="latest">
    <span class="hint">last request</span> <a href="#timeline-title">#${seq}</a> ${gist(receipt)}
    ${" · "}<span class="status ${status}">${status}${status === "applied" ? where(receipt) : due(receipt)}</span>${error && `: ${reasons(error)}`}
    ${" · "}<time datetime=${time} title=${absolute(time)}>${ago(time)}</time>
  </p>`;
}
