// The stop button: its dialog says what the stop will do, and a notice lets the user cancel it.

import { Dialog } from "../lib/dialog.js";
import { RequestStatus, useRequest } from "../live/request-status.js";
import { reasons } from "../live/receipt-text.js";
import { newestFirst } from "../live/receipts.js";
import { facts, state, writable } from "../live/run.js";
import { html, useState } from "../vendor.js";

/**
 * @import { Problem } from "../live/api.js"
 * @import { ControlRequest } from "./training-controls.js"
 */

/** The state's section `stop`. @typedef {{should_stop: boolean, after: string, checkpoint: boolean, force: boolean, reason: string | null}} StopState */

/** @type {Record<string, string>} */
const MOMENTS = { batch: "after this batch", epoch: "after this epoch", validation: "after the next validation" };

const RESUME = "The receipt tells whether a resume repeats the rest exactly: with a plain DataLoader it does after an epoch, not within one.";

/**
 * Return what a stop does, in a sentence.
 * @param {StopState} stop
 */
function effectText({ after, checkpoint, force }) {
  const { world_size: ranks = 1, saves_to: folder } = facts.value;
  const saved = checkpoint ? `a checkpoint is saved${folder ? ` to ${folder}` : ""}, then ` : "without saving a checkpoint, ";
  const who = ranks > 1 ? `all ${ranks} ranks stop` : "the training stops";
  const limits = force ? "even if min_epochs or min_steps are not reached" : "min_epochs and min_steps can delay it";
  return `${MOMENTS[after][0].toUpperCase()}${MOMENTS[after].slice(1)}, ${saved}${who} at the same step; ${limits}.`;
}

/**
 * The dialog that asks how to stop. It has no form: Enter would submit it, and a single letter typed on the page opens it.
 * @param {{request: ControlRequest, onClose: () => void}} props
 */
function StopDialog({ request, onClose }) {
  const [stop, setStop] = useState(/** @type {StopState} */ ({
    after: "batch", checkpoint: true, force: false, reason: null, ...state.value.stop, should_stop: true,
  }));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  /** @param {Partial<StopState>} changes */
  const set = (changes) => setStop({ ...stop, ...changes });
  async function send() {
    const answer = await request.ask("PATCH", "state", { stop });
    if (answer.ok) onClose();
    else setProblem(answer.problem);
  }
  return html`<${Dialog} title="Stop the training" onClose=${onClose}>
    <div class="form">
      <fieldset><legend>When</legend>
        ${Object.entries(MOMENTS).map(([after, text]) => html`
          <label class="check" key=${after}><input type="radio" name="after" checked=${stop.after === after} onChange=${() => set({ after })} />${text}</label>`)}
      </fieldset>
      <label class="check"><input type="checkbox" checked=${stop.checkpoint} onChange=${(event) => set({ checkpoint: event.target.checked })} />save a checkpoint first</label>
      <label class="check"><input type="checkbox" checked=${stop.force} onChange=${(event) => set({ force: event.target.checked })} />force: ignore min_epochs and min_steps</label>
      <label>Reason<input type="text" maxlength="1000" value=${stop.reason ?? ""} onInput=${(event) => set({ reason: event.target.value || null })} /></label>
      <p class="promise">${effectText(stop)}${stop.checkpoint && ` ${RESUME}`}</p>
      ${problem && html`<p class="outcome bad" role="alert">${reasons(problem)}</p>`}
      <div class="buttons">
        <button type="button" autofocus onClick=${onClose}>Keep training</button>
        <button type="button" class="danger" disabled=${!writable.value || request.busy} onClick=${send}>Stop the training</button>
      </div>
    </div>
  </${Dialog}>`;
}

/** The notice of a stop that was requested: when it happens, and a button to cancel it. */
export function StopNotice() {
  const request = useRequest();
  /** @type {StopState | undefined} */
  const stop = state.value?.stop;
  if (!stop?.should_stop) return null;
  const requested = newestFirst.value.find(({ status, result }) => status === "applied" && result?.stop?.stops);
  const delayedBy = requested?.result.stop.held_back_by;
  return html`<div class="notice warn" role="status">
    <p><strong>Stopping ${MOMENTS[stop.after] ?? stop.after}${stop.checkpoint ? ", with a checkpoint" : ", without a checkpoint"}.</strong>
      ${stop.reason && ` Reason: ${stop.reason}.`}
      ${delayedBy && ` Delayed by ${delayedBy}.`}</p>
    <button type="button" disabled=${!writable.value || request.busy} onClick=${() => request.ask("PATCH", "state", { stop: { should_stop: false } })}>Cancel the stop</button>
    <${RequestStatus} request=${request} />
  </div>`;
}

/** @param {{request: ControlRequest, open: boolean, setOpen: (open: boolean) => void}} props */
export function Stop({ request, open, setOpen }) {
  return html`
    <button type="button" class="danger" disabled=${!writable.value} title="Saves a checkpoint and ends the training (s)" onClick=${() => setOpen(true)}>Stop…</button>
    ${request.isLast && (request.busy || request.problem) && html`<${RequestStatus} request=${request} />`}
    ${open && html`<${StopDialog} request=${request} onClose=${() => setOpen(false)} />`}`;
}
