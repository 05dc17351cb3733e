// Every request, newest first: who, when, at which step, old → new.

import { newestFirst } from "./run.js";
import { html } from "./vendor.js";

export function Timeline() {
  return html`<section aria-labelledby="timeline-title">
    <h2 id="timeline-title">Timeline</h2>
    <ol reversed>${newestFirst.value.slice(0, 200).map((receipt) => html`
      <li key=${receipt.id} value=${receipt.seq} class=${receipt.status}>${receipt.kind} ${receipt.path} ${receipt.status}</li>`)}
    </ol>
  </section>`;
}
