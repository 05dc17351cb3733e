// The controls that a training has: stop, pause, checkpoint, validate.

import { ArgumentsDialog, route, summary } from "./actions.js";
import { duration, secondsSince } from "../lib/clock.js";
import { onKey } from "./keyboard.js";
import { Outcome, useRequest } from "../live/request.js";
import { actions, ended, facts, hasButtons, state, writable } from "../live/run.js";
import { Stop, StopNotice } from "./stop.js";
import { html, signal, useState } from "../vendor.js";

const stopping = signal(false);
/** The control that was used last: what became of its request is what is told. */
const used = signal("");

/** The request of one of the controls. */
function useControl(name) {
  const request = useRequest();
  const ask = (...what) => { used.value = name; return request.ask(...what); };
  return { ...request, ask, told: used.value === name };
}

onKey("s", "stop the training: asks how", () => { if (state.value?.stop && writable.value) stopping.value = true; });

const metrics = ({ metrics: found }) => Object.entries(found ?? {}).map(([name, number]) => `${name} ${number == null ? "–" : Number(Number(number).toPrecision(4))}`).join(", ");

function Pause() {
  const request = useControl("pause");
  const { paused } = state.value.pause;
  const says = paused ? "Lets the training go on" : "All ranks stand still after this step; everything else goes on working";
  return html`
    <button type="button" disabled=${!writable.value || request.busy} title=${says}
      onClick=${() => request.ask("PATCH", "state", { pause: { paused: !paused } })}>${paused ? "Resume" : "Pause"}</button>
    ${request.told && html`<${Outcome} request=${request} done=${() => (paused ? "pauses" : "goes on")} />`}`;
}

function Checkpoint() {
  const request = useControl("checkpoint");
  const [open, setOpen] = useState(false);
  const action = actions.value.checkpoint;
  const done = ({ result }) => `saved ${result?.path}${result?.exact === false ? ` (a resume is not exact: ${result.why_not_exact?.join(", ")})` : ""}`;
  return html`
    <span class="joined">
      <button type="button" disabled=${!writable.value || request.busy} title=${summary(action)} onClick=${() => request.ask("POST", route("checkpoint"), {})}>Checkpoint</button>
      <button type="button" disabled=${!writable.value || request.busy} aria-label="Checkpoint with options" title="With options" onClick=${() => setOpen(true)}>…</button>
    </span>
    ${request.told && html`<${Outcome} request=${request} done=${done} />`}
    ${open && html`<${ArgumentsDialog} name="checkpoint" action=${action} request=${request} onClose=${() => setOpen(false)} />`}`;
}

function Validate() {
  const request = useControl("validate");
  const done = ({ result }) => `validated: ${metrics(result ?? {})}`;
  return html`
    <button type="button" disabled=${!writable.value || request.busy} title=${summary(actions.value.validate)} onClick=${() => request.ask("POST", route("validate"), {})}>Validate</button>
    ${request.told && html`<${Outcome} request=${request} done=${done} />`}`;
}

/** Says that the training stands still. */
function PauseNotice() {
  const { phase, paused_since: since, pause_reason: reason } = facts.value;
  if (phase !== "paused") return null;
  return html`<div class="notice"><p><strong>Paused${since ? ` for ${duration(secondsSince(since))}` : ""}.</strong>${reason && ` Reason: ${reason}.`}
    ${" "}Changes, checkpoints and a stop still work.</p></div>`;
}

export function Controls() {
  const stopRequest = useControl("stop");
  const [stop, pause] = ["/stop", "/pause"].map(hasButtons);
  const { checkpoint, validate } = actions.value;
  if (!stop && !pause && !checkpoint && !validate) return null;
  return html`<section class="controls" aria-label="Controls">
    <div class="toolbar">
      ${pause && html`<${Pause} />`}
      ${checkpoint && html`<${Checkpoint} />`}
      ${validate && html`<${Validate} />`}
      ${stop && html`<${Stop} request=${stopRequest} open=${stopping.value} setOpen=${(open) => { stopping.value = open; }} />`}
    </div>
    ${pause && html`<${PauseNotice} />`}
    ${stop && !ended.value && html`<${StopNotice} />`}
  </section>`;
}
