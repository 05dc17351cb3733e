// Who runs, how far, and whether what you see is live.

import { connection, ended, facts } from "./run.js";
import { html } from "./vendor.js";

export function Header() {
  const run = facts.value;
  const badge = ended.value ? run.phase : connection.value === "live" && run.stalled ? "stalled" : connection.value;
  return html`<header>
    <h1>${run.name ?? "Freak"}</h1>
    <output class="badge ${badge}">${badge}</output>
    <dl>${["phase", "epoch", "step", "world_size"].filter((key) => run[key] != null).map((key) => html`
      <div key=${key}><dt>${key.replace("_", " ")}</dt><dd>${run[key]}</dd></div>`)}
    </dl>
  </header>`;
}
