// The table of runs: its head, which sorts, and its groups.

import { now } from "../dashboard/lib/clock.js";
import { html, useEffect, useRef } from "../dashboard/vendor.js";
import { isBroken } from "../runs/row.js";
import { COLUMNS } from "./columns.js";
import { clicked } from "./row-order.js";
import { RunRow } from "./run-row.js";
import { isSelected, select } from "./selection.js";
import { byGroup, closed, groups, metric, sorting, visible } from "./settings.js";

/**
 * @import { Row } from "../runs/row.js"
 * @import { Group } from "./row-order.js"
 */

/** @param {{rows: Row[], label: string}} props */
function SelectAll({ rows, label }) {
  const able = rows.filter((row) => !isBroken(row));
  const chosen = able.filter(({ id }) => isSelected(id)).length;
  const all = chosen > 0 && chosen === able.length;
  return html`<label><span class="unseen">${label}</span>
    <input type="checkbox" checked=${all} indeterminate=${chosen > 0 && !all} disabled=${!able.length} onClick=${() => select(able, !all)} /></label>`;
}

/** @param {{name: string}} props */
function Head({ name }) {
  const { title, numeric } = COLUMNS[name];
  const direction = sorting.value?.column === name ? (sorting.value.descending ? "descending" : "ascending") : null;
  const text = name === "metric" && metric.value ? metric.value : title;
  return html`<th scope="col" class="${name}${numeric ? " number" : ""}" aria-sort=${direction ?? "none"}>
    <button type="button" class="quiet" title=${`Sort by ${text}`} onClick=${() => { sorting.value = clicked(sorting.value, name); }}>
      ${text}<span class="direction" aria-hidden="true">${direction === null ? "" : direction === "ascending" ? " ▲" : " ▼"}</span></button>
  </th>`;
}

/** @param {{group: Group, minute: number}} props */
function Rows({ group: { title, rows }, minute }) {
  const open = title === null || !closed.value.includes(title);
  const toggle = () => { closed.value = open ? [...closed.value, String(title)] : closed.value.filter((each) => each !== title); };
  const live = rows.filter(({ alive }) => alive).length;
  return html`<tbody>
    ${title !== null && html`<tr class="group" key="group">
      <td class="select"><${SelectAll} rows=${rows} label=${`Select all of ${title}`} /></td>
      <th scope="rowgroup" colspan=${Object.keys(COLUMNS).length}>
        <button type="button" class="quiet" aria-expanded=${open} onClick=${toggle}>${open ? "▾" : "▸"} ${title}
          <span class="count">${rows.length} ${rows.length === 1 ? "run" : "runs"}${live > 0 && `, ${live} live`}</span></button></th>
    </tr>`}
    ${open && rows.map((row) => html`<${RunRow} key=${row.id} ...${{ row, minute, metric: metric.value, selected: isSelected(row.id) }} />`)}
  </tbody>`;
}

/**
 * Keep the focus where it is when rows change their places: an element that is moved loses it.
 * @param {{current: HTMLElement | null}} table
 */
function useFocus(table) {
  const focused = useRef(/** @type {HTMLElement | null} */ (null));
  const active = document.activeElement;
  focused.current = active instanceof HTMLElement && table.current?.contains(active) ? active : null;
  useEffect(() => {
    if (document.activeElement === document.body && focused.current?.isConnected) focused.current.focus({ preventScroll: true });
  });
}

export function RunTable() {
  const table = useRef(/** @type {HTMLElement | null} */ (null));
  useFocus(table);
  const minute = Math.floor(now.value / 60_000);
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Runs"><table class="runs" ref=${table} aria-rowcount=${visible.value.length + 1}>
    <thead><tr>
      <td class="select"><${SelectAll} rows=${visible.value} label="Select all shown runs" /></td>
      ${Object.keys(COLUMNS).map((name) => html`<${Head} key=${name} name=${name} />`)}
    </tr></thead>
    ${groups.value.map((group) => html`<${Rows} key=${byGroup.value ? `group ${group.title}` : "all"} group=${group} minute=${minute} />`)}
  </table></div>`;
}
