// Stop: says what will happen before it does, and can be taken back until then.

import { Dialog } from "../lib/dialog.js";
import { Outcome, useRequest } from "../live/request.js";
import { facts, newestFirst, state, writable } from "../live/run.js";
import { html, useState } from "../vendor.js";
import { reasons } from "../live/receipt-text.js";

const MOMENTS = { batch: "after this batch", epoch: "after this epoch", validation: "after the next validation" };

const RESUME = "The receipt tells whether a resume repeats the rest exactly: with a plain DataLoader it does after an epoch, not within one.";

/** Say what a stop does, in a sentence. */
export function promise({ after, checkpoint, force }) {
  const { world_size: ranks, saves_to: folder } = facts.value;
  const saved = checkpoint ? `a checkpoint is saved${folder ? ` to ${folder}` : ""}, then ` : "without saving a checkpoint, ";
  const who = ranks > 1 ? `all ${ranks} ranks stop` : "the training stops";
  const least = force ? "even if min_epochs or min_steps are not reached" : "min_epochs and min_steps can hold it back";
  return `${MOMENTS[after][0].toUpperCase()}${MOMENTS[after].slice(1)}, ${saved}${who} at the same step; ${least}.`;
}

/** The dialog that asks how to stop. No form: Enter would send it, and who types on the page gets here by a letter. */
function StopDialog({ request, onClose }) {
  const [wish, setWish] = useState({ after: "batch", checkpoint: true, force: false, reason: null, ...state.value.stop, should_stop: true });
  const [problem, setProblem] = useState(null);
  const set = (name, value) => setWish({ ...wish, [name]: value });
  async function stop() {
    const answer = await request.ask("PATCH", "state", { stop: wish });
    if (answer.ok) onClose();
    else setProblem(answer.problem);
  }
  return html`<${Dialog} title="Stop the training" onClose=${onClose}>
    <div class="form">
      <fieldset><legend>When</legend>
        ${Object.entries(MOMENTS).map(([name, says]) => html`
          <label class="check" key=${name}><input type="radio" name="after" checked=${wish.after === name} onChange=${() => set("after", name)} />${says}</label>`)}
      </fieldset>
      <label class="check"><input type="checkbox" checked=${wish.checkpoint} onChange=${(event) => set("checkpoint", event.target.checked)} />save a checkpoint first</label>
      <label class="check"><input type="checkbox" checked=${wish.force} onChange=${(event) => set("force", event.target.checked)} />force: ignore min_epochs and min_steps</label>
      <label>Reason<input type="text" maxlength="1000" value=${wish.reason ?? ""} onInput=${(event) => set("reason", event.target.value || null)} /></label>
      <p class="promise">${promise(wish)}${wish.checkpoint && ` ${RESUME}`}</p>
      ${problem && html`<p class="outcome bad" role="alert">${reasons(problem)}</p>`}
      <div class="buttons">
        <button type="button" autofocus onClick=${onClose}>Keep training</button>
        <button type="button" class="danger" disabled=${!writable.value || request.busy} onClick=${stop}>Stop the training</button>
      </div>
    </div>
  </${Dialog}>`;
}

/** The stop that waits: what it waits for, and a way back. */
export function StopNotice() {
  const request = useRequest();
  const stop = state.value?.stop;
  if (!stop?.should_stop) return null;
  const asked = newestFirst.value.find(({ status, result }) => status === "applied" && result?.stop?.stops);
  const held = asked?.result.stop.held_back_by;
  return html`<div class="notice warn" role="status">
    <p><strong>Stopping ${MOMENTS[stop.after] ?? stop.after}${stop.checkpoint ? ", with a checkpoint" : ", without a checkpoint"}.</strong>
      ${stop.reason && ` Reason: ${stop.reason}.`}
      ${held && ` Held back by ${held}.`}</p>
    <button type="button" disabled=${!writable.value || request.busy} onClick=${() => request.ask("PATCH", "state", { stop: { should_stop: false } })}>Cancel the stop</button>
    <${Outcome} request=${request} />
  </div>`;
}

/** The button and its dialog; `request` and `open` belong to the controls. */
export function Stop({ request, open, setOpen }) {
  return html`
    <button type="button" class="danger" disabled=${!writable.value} title="Ends the training at a good moment, saved (s)" onClick=${() => setOpen(true)}>Stop…</button>
    ${request.told && (request.busy || request.problem) && html`<${Outcome} request=${request} />`}
    ${open && html`<${StopDialog} request=${request} onClose=${() => setOpen(false)} />`}`;
}
