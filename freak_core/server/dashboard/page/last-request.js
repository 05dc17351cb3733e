// The newest request in a line at the top of the page: the timeline may be far below.

import { absolute, ago } from "../lib/clock.js";
import { dotted, due, reasons, subject, valueText, where } from "../live/receipt-text.js";
import { newestFirst } from "../live/receipts.js";
import { html } from "../vendor.js";

/** @import { Receipt } from "../live/receipts.js" */

/**
 * Return the first change with both values, or what the request is about if it changed nothing.
 * @param {Receipt} receipt
 */
function changeText(receipt) {
  const [first, ...others] = receipt.changes;
  if (!first) return subject(receipt);
  const more = others.length ? `, and ${others.length} more` : "";
  return `${dotted(first.path)} ${valueText(first.old)} → ${valueText(first.new)}${more}`;
}

/** No live region: the timeline has one, and a screen reader would read each request twice. */
export function LastRequest() {
  const receipt = newestFirst.value[0];
  if (!receipt) return null;
  const { seq, status, error, applied, requested_at: requested } = receipt;
  const time = applied?.at ?? requested;
  return html`<p class="latest">
    <span class="hint">last request</span> <a href="#timeline-title">#${seq}</a> ${changeText(receipt)}
    ${" · "}<span class="status ${status}">${status}${status === "applied" ? where(receipt) : due(receipt)}</span>${error && `: ${reasons(error)}`}
    ${" · "}<time datetime=${time} title=${absolute(time)}>${ago(time)}</time>
  </p>`;
}
