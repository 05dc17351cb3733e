// Every metric over time. Metrics whose names have the same part before the first slash are a group.

import { names } from "../live/metric-history.js";
import { facts } from "../live/run.js";
import { html } from "../vendor.js";
import { Chart, ChartAnnouncement } from "./chart.js";
import { closed, pattern, pinned, toggle } from "./settings.js";
import { Buttons, Toolbar } from "./toolbar.js";

const UNGROUPED = "Ungrouped";
const PINNED = "Pinned";

/**
 * Return the part of a name before the first slash, "" without one.
 * @param {string} name
 */
const prefixOf = (name) => name.slice(0, Math.max(0, name.indexOf("/")));

/**
 * Return the groups `[title, names]`: the pinned metrics, those that share no prefix, then a group for each prefix.
 * @param {string[]} shown
 * @returns {[string, string[]][]}
 */
function grouped(shown) {
  const rest = shown.filter((name) => !pinned.value.includes(name));
  const shared = [...Map.groupBy(rest, prefixOf)].filter(([prefix, members]) => prefix && members.length > 1);
  const inGroup = new Set(shared.flatMap(([, members]) => members));
  /** @type {[string, string[]][]} */
  const groups = [
    [PINNED, pinned.value.filter((name) => shown.includes(name))],
    [UNGROUPED, rest.filter((name) => !inGroup.has(name))],
    ...shared,
  ];
  return groups.filter(([, members]) => members.length);
}

/** @param {{members: string[], prefix?: string}} props */
function Grid({ members, prefix }) {
  return html`<div class="charts-grid">${members.map((name) => html`
    <${Chart} key=${name} name=${name} title=${prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name} />`)}</div>`;
}

/** @param {{title: string, members: string[]}} props */
function Group({ title, members }) {
  const open = !closed.value.includes(title);
  return html`<details class="charts-group" open=${open} onToggle=${(event) => toggle(closed, title, !event.currentTarget.open)}>
    <summary><h3>${title}</h3> <span class="count">${members.length}</span></summary>
    ${open && html`<${Grid} members=${members} prefix=${`${title}/`} />`}
  </details>`;
}

/** How many points are not in the charts, if some are not. */
function Unrecorded() {
  const count = facts.value.unrecorded_points;
  if (!count) return null;
  return html`<p class="unrecorded">${count.toLocaleString("en")} points were not recorded: the program published faster than they could be sent.</p>`;
}

export function Charts() {
  const shown = names.value.filter((name) => pattern.value.test(name));
  const groups = grouped(shown);
  const any = names.value.length > 0;
  return html`<section class="charts" aria-labelledby="charts-title">
    <div class="charts-head"><h2 id="charts-title">Metrics</h2>${any && html`<${Buttons} shown=${shown} />`}</div>
    <p id="chart-keys" hidden>Arrow keys move along the points, plus and minus zoom, 0 shows everything.</p>
    <${ChartAnnouncement} />
    <${Unrecorded} />
    ${any ? html`<${Toolbar} shown=${shown} all=${names.value.length} />` : html`<p class="empty">No metric has been logged yet.</p>`}
    ${groups.length === 1 && groups[0][0] === UNGROUPED ? html`<${Grid} members=${shown} />` : groups.map(([title, members]) => html`<${Group} key=${title} title=${title} members=${members} />`)}
    ${any && !shown.length && html`<p class="empty">No metric's name matches the filter.</p>`}
  </section>`;
}
