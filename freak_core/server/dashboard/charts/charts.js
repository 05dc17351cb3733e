// Every metric over time; those whose names have the part before the first slash in common are a group.

import { Chart, Spoken } from "./chart.js";
import { closed, pattern, pinned, toggle } from "./settings.js";
import { Buttons, Toolbar } from "./toolbar.js";
import { names } from "../live/metric-history.js";
import { html } from "../vendor.js";

const OTHERS = "Ungrouped";
const PINNED = "Pinned";

/** Return what is before the first slash of a name. */
const prefixOf = (name) => name.slice(0, Math.max(0, name.indexOf("/")));

/** Return the groups `[title, names]` in their order: pinned ones, those that share no prefix, then by prefix. */
function grouped(shown) {
  const rest = shown.filter((name) => !pinned.value.includes(name));
  const shared = [...Map.groupBy(rest, prefixOf)].filter(([prefix, members]) => prefix && members.length > 1);
  const taken = new Set(shared.flatMap(([, members]) => members));
  const groups = [[PINNED, pinned.value.filter((name) => shown.includes(name))], [OTHERS, rest.filter((name) => !taken.has(name))], ...shared];
  return groups.filter(([, members]) => members.length);
}

function Grid({ members, prefix }) {
  return html`<div class="charts-grid">${members.map((name) => html`
    <${Chart} key=${name} name=${name} title=${prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name} />`)}</div>`;
}

function Group({ title, members }) {
  const open = !closed.value.includes(title);
  return html`<details class="charts-group" open=${open} onToggle=${(event) => toggle(closed, title, !event.currentTarget.open)}>
    <summary><h3>${title}</h3> <span class="count">${members.length}</span></summary>
    ${open && html`<${Grid} members=${members} prefix=${`${title}/`} />`}
  </details>`;
}

export function Charts() {
  const shown = names.value.filter((name) => pattern.value.test(name));
  const groups = grouped(shown);
  return html`<section class="charts" aria-labelledby="charts-title">
    <div class="charts-head"><h2 id="charts-title">Metrics</h2>${names.value.length > 0 && html`<${Buttons} shown=${shown} />`}</div>
    <p id="chart-keys" hidden>Arrow keys read the values, plus and minus zoom, 0 shows everything.</p>
    <${Spoken} />
    ${names.value.length ? html`<${Toolbar} shown=${shown} all=${names.value.length} />` : html`<p class="empty">No metric has been logged yet.</p>`}
    ${groups.length === 1 && groups[0][0] === OTHERS ? html`<${Grid} members=${shown} />` : groups.map(([title, members]) => html`<${Group} key=${title} title=${title} members=${members} />`)}
    ${names.value.length > 0 && !shown.length && html`<p class="empty">No metric has a name like this.</p>`}
  </section>`;
}
