// The compared runs with their colours. A click hides a run in every chart, or shows it again.

import { dark } from "../dashboard/lib/theme.js";
import { html } from "../dashboard/vendor.js";
import { State } from "../list/columns.js";
import { compareLink } from "../list/toolbar.js";
import { byId } from "../runs/listing.js";
import { colour } from "./run-colours.js";
import { hidden, pointedAt, toggleRun } from "./settings.js";

/** @import { ComparedRun } from "./overlay.js" */

/** @param {{run: ComparedRun, others: string[]}} props `others`: the ids of the runs beside it */
function Entry({ run: { id, name, number }, others }) {
  const row = byId.value.get(id);
  const shown = !hidden.value.has(id);
  const point = () => { pointedAt.value = id; };
  const leave = () => { pointedAt.value = null; };
  return html`<li class=${shown ? "" : "hidden"} onMouseEnter=${point} onMouseLeave=${leave}>
    <button type="button" class="quiet" aria-pressed=${shown} title=${shown ? "Hide in every chart" : "Show in every chart"} onClick=${() => toggleRun(id)} onFocus=${point} onBlur=${leave}>
      <i class="swatch" style=${{ background: colour(number, dark.value) }}></i>${name}</button>
    ${row && html`<${State} row=${row} />`}
    ${row && html`<a href=${row.url} aria-label=${`open ${name}`} title="Page of this run">open</a>`}
    ${others.length > 0 && html`<a class="remove" href=${compareLink(others)} aria-label=${`Leave out ${name}`} title="Leave out">×</a>`}
  </li>`;
}

/** @param {{runs: ComparedRun[]}} props */
export function Legend({ runs }) {
  return html`<ul class="legend" aria-label="Compared runs">
    ${runs.map((run) => html`<${Entry} key=${run.id} run=${run} others=${runs.filter(({ id }) => id !== run.id).map(({ id }) => id)} />`)}
  </ul>`;
}
