// The buttons of a training: pause, checkpoint, validate, stop.

import { actionRoute, actionSummary, ArgumentsDialog } from "../form/arguments-dialog.js";
import { duration, secondsSince } from "../lib/clock.js";
import { RequestStatus, useRequest } from "../live/request-status.js";
import { actions, ended, facts, hasButtons, state, writable } from "../live/run.js";
import { html, signal, useState } from "../vendor.js";
import { addShortcut } from "./keyboard.js";
import { Stop, StopNotice } from "./stop.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Receipt } from "../live/receipts.js"
 * @import { ButtonRequest } from "../live/request-status.js"
 */

/** @typedef {ButtonRequest & {isLast: boolean}} ControlRequest `isLast`: the control was used last, so its status is shown */

const stopDialogOpen = signal(false);
const lastUsed = signal("");

/**
 * Return the request of a control.
 * @param {string} name
 * @returns {ControlRequest}
 */
function useControl(name) {
  const request = useRequest();
  /** @type {ButtonRequest["ask"]} */
  const ask = (...args) => { lastUsed.value = name; return request.ask(...args); };
  return { ...request, ask, isLast: lastUsed.value === name };
}

addShortcut("s", "stop the training (opens a dialog)", () => { if (state.value?.stop && writable.value) stopDialogOpen.value = true; });

/** @param {{metrics?: Record<string, Json>}} result of a validation */
const metricsText = ({ metrics = {} }) => Object.entries(metrics)
  .map(([name, value]) => `${name} ${value === null || value === undefined ? "–" : Number(Number(value).toPrecision(4))}`)
  .join(", ");

function Pause() {
  const request = useControl("pause");
  const { paused } = state.value.pause;
  const title = paused ? "Continues the training" : "All ranks wait after this step; changes, checkpoints and a stop still work";
  return html`
    <button type="button" disabled=${!writable.value || request.busy} title=${title}
      onClick=${() => request.ask("PATCH", "state", { pause: { paused: !paused } })}>${paused ? "Resume" : "Pause"}</button>
    ${request.isLast && html`<${RequestStatus} request=${request} done=${() => (paused ? "pauses" : "goes on")} />`}`;
}

/** @param {Receipt} receipt */
const savedText = ({ result }) =>
  `saved ${result?.path}${result?.exact === false ? ` (a resume is not exact: ${result.why_not_exact?.join(", ")})` : ""}`;

function Checkpoint() {
  const request = useControl("checkpoint");
  const [open, setOpen] = useState(false);
  const action = actions.value.checkpoint;
  const disabled = !writable.value || request.busy;
  return html`
    <span class="joined">
      <button type="button" disabled=${disabled} title=${actionSummary(action)} onClick=${() => request.ask("POST", actionRoute("checkpoint"), {})}>Checkpoint</button>
      <button type="button" disabled=${disabled} aria-label="Checkpoint with options" title="With options" onClick=${() => setOpen(true)}>…</button>
    </span>
    ${request.isLast && html`<${RequestStatus} request=${request} done=${savedText} />`}
    ${open && html`<${ArgumentsDialog} name="checkpoint" action=${action} request=${request} onClose=${() => setOpen(false)} />`}`;
}

/** @param {Receipt} receipt */
const validatedText = ({ result }) => `validated: ${metricsText(result ?? {})}`;

function Validate() {
  const request = useControl("validate");
  return html`
    <button type="button" disabled=${!writable.value || request.busy} title=${actionSummary(actions.value.validate)} onClick=${() => request.ask("POST", actionRoute("validate"), {})}>Validate</button>
    ${request.isLast && html`<${RequestStatus} request=${request} done=${validatedText} />`}`;
}

function PauseNotice() {
  const { phase, paused_since: since, pause_reason: reason } = facts.value;
  if (phase !== "paused") return null;
  return html`<div class="notice"><p><strong>Paused${since ? ` for ${duration(secondsSince(since))}` : ""}.</strong>${reason && ` Reason: ${reason}.`}
    ${" "}Changes, checkpoints and a stop still work.</p></div>`;
}

export function TrainingControls() {
  const stopRequest = useControl("stop");
  const [stop, pause] = ["/stop", "/pause"].map(hasButtons);
  const { checkpoint, validate } = actions.value;
  if (!stop && !pause && !checkpoint && !validate) return null;
  return html`<section class="controls" aria-label="Controls">
    <div class="toolbar">
      ${pause && html`<${Pause} />`}
      ${checkpoint && html`<${Checkpoint} />`}
      ${validate && html`<${Validate} />`}
      ${stop && html`<${Stop} request=${stopRequest} open=${stopDialogOpen.value} setOpen=${(open) => { stopDialogOpen.value = open; }} />`}
    </div>
    ${pause && html`<${PauseNotice} />`}
    ${stop && !ended.value && html`<${StopNotice} />`}
  </section>`;
}
