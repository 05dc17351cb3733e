// The header: the run's name, status and progress, and what went wrong.

import { absolute, ago, duration } from "../lib/clock.js";
import { ThemeSwitch } from "../lib/theme.js";
import { where } from "../live/receipt-text.js";
import { newestFirst } from "../live/receipts.js";
import { connection, ended, facts, heardAt, schema } from "../live/run.js";
import { listUrl } from "../live/token.js";
import { html } from "../vendor.js";
import { hasActions } from "./actions.js";
import { OtherFits } from "./other-fits.js";
import { showShortcuts } from "./keyboard.js";
import { StatusBadge } from "./status-badge.js";

/** @import { Facts } from "../live/run.js" */

/** @param {number} number */
const withCommas = (number) => Number(number).toLocaleString("en");

/**
 * Return "12 / 100", or "12" if the total is not known.
 * @param {number | null | undefined} done
 * @param {number | null | undefined} total -1 for no limit
 */
function progressText(done, total) {
  if (done === null || done === undefined) return "";
  return total && total > 0 ? `${withCommas(done)} / ${withCommas(total)}` : withCommas(done);
}

/** @param {number} rate */
const rateText = (rate) => (rate >= 100 ? String(Math.round(rate)) : rate.toPrecision(2));

/**
 * Return the facts of a run that goes on.
 * @param {Facts} run
 * @returns {[name: string, text: string, title?: string][]}
 */
function speedFacts({ steps_per_second: rate = null, eta_s: eta = null }) {
  return [
    ["steps/s", rate === null ? "" : rateText(rate)],
    ["ETA", eta === null ? "" : duration(eta), eta === null ? "" : `about ${new Date(Date.now() + eta * 1000).toLocaleString()}`],
  ];
}

/**
 * Return the facts of a run that has ended.
 * @param {Facts} run
 * @returns {[name: string, text: string, title?: string][]}
 */
const endFacts = ({ ended_at: at }) => (at ? [["ended", ago(at), absolute(at)]] : []);

/**
 * Return the facts to show. One without a text is left out.
 * @param {Facts} run
 * @returns {[name: string, text: string, title?: string][]}
 */
function shownFacts(run) {
  const { world_size: ranks = 1 } = run;
  /** @type {[name: string, text: string, title?: string][]} */
  const all = [
    ["phase", run.phase ?? ""],
    ["epoch", progressText(run.epoch, run.max_epochs)],
    ["step", progressText(run.step, run.total_steps)],
    ["logged step", progressText(run.logged_step, null)],
    ...(ended.value ? endFacts(run) : speedFacts(run)),
    ["ranks", ranks > 1 ? String(ranks) : ""],
    ["host", run.host ?? ""],
  ];
  return all.filter(([, text]) => text);
}

/** How a stop ended the run. After several fits in one program, the stop of an earlier fit is not shown. */
function Stopped() {
  const { step = null, stopped_by: who, reason: why } = facts.value;
  const stop = newestFirst.value.find(({ name, by, status }) => name === "stop" && by === "freak" && status === "applied");
  if (!stop || (step !== null && (stop.applied?.step ?? 0) < step)) {
    return who && html`<p class="trouble finished">Stopped by ${who}${why && `: ${why}`}</p>`;
  }
  const { reason, checkpoint } = stop.result ?? {};
  return html`<p class="trouble finished">Stopped${where(stop)}${reason && `: ${reason}`}${checkpoint?.path && html` · checkpoint <code>${checkpoint.path}</code>`}</p>`;
}

/** What the folder of a run that has ended lacks. */
function Missing() {
  const reasons = [...new Set((facts.value.missing ?? []).map(({ why }) => why))];
  return reasons.length > 0 && html`<p class="trouble">Not recorded: ${reasons.join("; ")}.</p>`;
}

/** What went wrong, or how the run was stopped. */
function Trouble() {
  const run = facts.value;
  if (run.phase === "finished" || run.phase === "stopped") return html`<${Stopped} />`;
  if (ended.value) return run.error && html`<p class="trouble ${run.phase}" role="alert">${run.error}</p>`;
  if (connection.value === "gone") {
    return html`<p class="trouble disconnected" role="alert">Another program has this address now. The page shows the run as it was ${ago(heardAt.value)}.
      ${" "}It has ended, or listens elsewhere: <code>freak open ${run.id}</code> opens it, and <code>freak ls --all</code> says how it ended.</p>`;
  }
  if (connection.value === "disconnected") {
    return html`<p class="trouble disconnected">The server was last heard ${ago(heardAt.value)}; the page shows the run as it was then.
      It tries to reconnect. If that takes long, the program was killed, or the network or the tunnel is down.</p>`;
  }
  return run.journal === "degraded" && html`<p class="trouble failed" role="alert">
    The journal cannot be written: changes apply, but are not on disk (${run.journal_path}).</p>`;
}

/** Links to the sections, for a page of one column. */
function SectionLinks() {
  if (schema.value === null) return null;
  const sections = { charts: "Metrics", state: "State", ...(hasActions() && { actions: "Actions" }), timeline: "Timeline" };
  return html`<nav class="jumps" aria-label="Sections">${Object.entries(sections).map(([id, title]) => html`<a key=${id} href="#${id}-title">${title}</a>`)}</nav>`;
}

function Progress() {
  const { step = null, total_steps: total = null } = facts.value;
  return total !== null && total > 0 && step !== null && html`<progress aria-label="Progress" max=${total} value=${step} />`;
}

export function Header() {
  const run = facts.value;
  return html`<header class=${connection.value}>
    <div class="bar">
      ${listUrl && html`<a class="back" href=${listUrl.pathname}>‹ All runs</a>`}
      <h1 title=${run.id && `run ${run.id}, process ${run.pid}`}>${run.name ?? "Freak"}</h1>
      <${StatusBadge} />
      <div class="settings">
        <button type="button" class="quiet" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${showShortcuts}>?</button>
        <${ThemeSwitch} />
      </div>
    </div>
    <dl class="facts">${shownFacts(run).map(([name, text, title]) => html`
      <div key=${name} title=${title}><dt>${name}</dt><dd>${text}</dd></div>`)}
    </dl>
    <${Progress} />
    <${Trouble} />
    ${ended.value && html`<${Missing} />`}
    <${OtherFits} />
    <${SectionLinks} />
  </header>`;
}
