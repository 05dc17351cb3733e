// The status of the run and of the connection in a word, on the page and in the tab's title.

import { duration, now, secondsSince } from "../lib/clock.js";
import { connection, ended, facts, factsAt, heardAt, readOnly } from "../live/run.js";
import { computed, effect, html } from "../vendor.js";

/** @type {Record<string, string>} */
const SYMBOLS = { live: "●", paused: "❙❙", stalled: "▲", disconnected: "○", connecting: "○", denied: "○", gone: "○", finished: "✓", stopped: "■", failed: "✕", interrupted: "✕", exited: "✕", lost: "✕" };

const status = computed(() => {
  if (ended.value) return facts.value.phase ?? "";
  if (connection.value !== "live") return connection.value;
  if (facts.value.phase === "paused") return "paused";
  return facts.value.stalled ? "stalled" : "live";
});

/** For how long the run has been paused, stalled or disconnected: " for 93 s". Else "". */
const since = computed(() => {
  const { paused_since: paused, seconds_since_progress: idle } = facts.value;
  /** @type {Record<string, number | null | undefined>} */
  const seconds = {
    paused: paused ? secondsSince(paused) : null,
    stalled: (idle ?? 0) + (now.value - factsAt.value) / 1000,
    disconnected: secondsSince(heardAt.value),
  };
  const found = seconds[status.value] ?? null;
  return found === null ? "" : ` for ${duration(found)}`;
});

effect(() => {
  const { name, step } = facts.value;
  const where = step === null || step === undefined ? "" : ` · step ${step}`;
  document.title = `${SYMBOLS[status.value]} ${name ?? "Freak"}${where}`;
});

export function StatusBadge() {
  return html`<output class="badge ${status.value}">${status.value}<span aria-hidden="true">${since.value}</span></output>
    ${readOnly.value && !ended.value && html`<span class="badge" title="With this token you can read, not change anything.">read only</span>`}`;
}
