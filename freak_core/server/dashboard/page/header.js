// Who runs, how far, and whether what you see is live.

import { hasOthers } from "./actions.js";
import { Badge } from "./status-badge.js";
import { ago, duration } from "../lib/clock.js";
import { showShortcuts } from "./keyboard.js";
import { connection, ended, facts, heardAt, newestFirst, schema } from "../live/run.js";
import { ThemeSwitch } from "../lib/theme.js";
import { html } from "../vendor.js";
import { where } from "../live/receipt-text.js";

const count = (number) => Number(number).toLocaleString("en");

const of = (done, total) => (total > 0 ? `${count(done)} / ${count(total)}` : count(done));

const pace = (rate) => (rate >= 100 ? Math.round(rate) : rate.toPrecision(2));

/** What there is to say of a run, as `[what, text, title]`. */
function told(run) {
  const ends = run.eta_s == null ? "" : `about ${new Date(Date.now() + run.eta_s * 1000).toLocaleString()}`;
  return [
    ["phase", run.phase],
    ["epoch", run.epoch != null && of(run.epoch, run.max_epochs)],
    ["step", run.step != null && of(run.step, run.total_steps)],
    ["steps/s", !ended.value && run.steps_per_second != null && pace(run.steps_per_second)],
    ["ETA", !ended.value && run.eta_s != null && duration(run.eta_s), ends],
    ["ranks", run.world_size > 1 && run.world_size],
    ["host", run.host],
  ].filter(([, text]) => text);
}

/** How a stop ended the run: one that was not the last of several fits is at an earlier step. */
function Stopped() {
  const { step } = facts.value;
  const stop = newestFirst.value.find(({ name, by, status }) => name === "stop" && by === "freak" && status === "applied");
  if (!stop || (step != null && stop.applied.step < step)) return null;
  const { reason, checkpoint } = stop.result ?? {};
  return html`<p class="trouble finished">Stopped${where(stop)}${reason && `: ${reason}`}${checkpoint?.path && html` · checkpoint <code>${checkpoint.path}</code>`}</p>`;
}

/** What went wrong, where something did, or how it was stopped. */
function Trouble() {
  const run = facts.value;
  if (run.phase === "finished") return html`<${Stopped} />`;
  if (ended.value) return run.error && html`<p class="trouble ${run.phase}" role="alert">${run.error}</p>`;
  if (connection.value === "disconnected") {
    return html`<p class="trouble disconnected">The server was last heard ${ago(heardAt.value)}; what you see is from then.
      This page tries again by itself. If that lasts, the program has been killed, or the network or the tunnel is down.</p>`;
  }
  return run.journal === "degraded" && html`<p class="trouble failed" role="alert">
    The journal cannot be written: changes apply, but are not on disk (${run.journal_path}).</p>`;
}

/** Where to jump to where the page is one column. */
function Jumps() {
  if (schema.value === null) return null;
  const sections = { charts: "Metrics", state: "State", ...(hasOthers() && { actions: "Actions" }), timeline: "Timeline" };
  return html`<nav class="jumps" aria-label="Sections">${Object.entries(sections).map(([id, says]) => html`<a key=${id} href="#${id}-title">${says}</a>`)}</nav>`;
}

export function Header() {
  const run = facts.value;
  return html`<header class=${connection.value}>
    <div class="bar">
      <h1 title=${run.id && `run ${run.id}, process ${run.pid}`}>${run.name ?? "Freak"}</h1>
      <${Badge} />
      <div class="settings">
        <button type="button" class="quiet" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${showShortcuts}>?</button>
        <${ThemeSwitch} />
      </div>
    </div>
    <dl class="facts">${told(run).map(([what, text, title]) => html`
      <div key=${what} title=${title}><dt>${what}</dt><dd>${text}</dd></div>`)}
    </dl>
    ${run.total_steps > 0 && run.step != null && html`<progress aria-label="Progress" max=${run.total_steps} value=${run.step} />`}
    <${Trouble} />
    <${Jumps} />
  </header>`;
}
