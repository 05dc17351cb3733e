// In one word whether what you see is live, on the page and in the tab's title.

import { duration, now, secondsSince } from "../lib/clock.js";
import { connection, ended, facts, factsAt, heardAt, readOnly } from "../live/run.js";
import { computed, effect, html } from "../vendor.js";

const MARKS = { live: "●", paused: "❙❙", stalled: "▲", disconnected: "○", connecting: "○", denied: "○", finished: "✓", failed: "✕", interrupted: "✕" };

const status = computed(() => {
  if (ended.value) return facts.value.phase;
  if (connection.value !== "live") return connection.value;
  if (facts.value.phase === "paused") return "paused";
  return facts.value.stalled ? "stalled" : "live";
});

/** For how long, where that matters: " for 93 s". */
const since = computed(() => {
  const { paused_since: paused, seconds_since_progress: idle } = facts.value;
  const seconds = {
    paused: paused && secondsSince(paused),
    stalled: idle + (now.value - factsAt.value) / 1000,
    disconnected: secondsSince(heardAt.value),
  }[status.value];
  return seconds == null ? "" : ` for ${duration(seconds)}`;
});

effect(() => {
  const { name, step } = facts.value;
  const where = step == null ? "" : ` · step ${step}`;
  document.title = `${MARKS[status.value]} ${name ?? "Freak"}${where}`;
});

export function Badge() {
  return html`<output class="badge ${status.value}">${status.value}<span aria-hidden="true">${since.value}</span></output>
    ${readOnly.value && html`<span class="badge" title="This token may look, not touch.">read only</span>`}`;
}
