// The page with the list of all runs.

import { html } from "../dashboard/vendor.js";
import { rows } from "../runs/listing.js";
import { RunTable } from "./run-table.js";
import { shownCount } from "./settings.js";
import { Toolbar } from "./toolbar.js";

const PROGRAM = `from freak_core import control

freak = control(state, name="my-run")`;
const TRAINING = `from freak_lightning import remote_control

trainer = Trainer(callbacks=remote_control())`;

function Empty() {
  return html`<div class="empty-list">
    <h2>No run yet</h2>
    <p>Runs of this home folder appear here as soon as they start. A PyTorch Lightning training needs one callback:</p>
    <pre><code>${TRAINING}</code></pre>
    <p>Any other Python program needs one call:</p>
    <pre><code>${PROGRAM}</code></pre>
    <p class="hint">A run that is missing here may have another <code>FREAK_HOME</code>, or belong to another user.</p>
  </div>`;
}

export function RunList() {
  if (rows.value === null) return html`<p class="hint">Loading the runs…</p>`;
  if (!rows.value.length) return html`<section><${Empty} /></section>`;
  return html`<section class="run-list" aria-label="Runs of this home">
    <${Toolbar} />
    <${RunTable} />
    ${shownCount.value === 0 && html`<p class="hint">No run passes the filter.</p>`}
  </section>`;
}
