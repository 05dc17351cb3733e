// A chart on the page: its name, its latest value, the value under the cursor, and the drawing while it is visible.

import { short } from "../lib/format.js";
import { watchVisibility } from "../lib/visibility.js";
import { metrics } from "../live/metric-history.js";
import { html, signal, useEffect, useRef, useSignal, useState } from "../vendor.js";
import { placeText } from "./axis.js";
import { downloadCsv } from "./csv-export.js";
import { Plot } from "./plot.js";
import { pinned, toggle } from "./settings.js";

/** @import { ChartFacts, PointerFacts } from "./plot.js" */

/** The value that an arrow key has led to. A screen reader reads it out; it does not read what the pointer is at. */
const announcement = signal("");

export const ChartAnnouncement = () => html`<p class="unseen" aria-live="polite">${announcement.value}</p>`;

/**
 * Return what the chart shows, in a sentence.
 * @param {string} name
 * @param {Partial<ChartFacts>} facts
 */
function description(name, { latest = null, min = null, max = null, gaps, thinned, hidden, axis = "step", markers = [] }) {
  const parts = [`${name}: latest ${short(latest)}, lowest ${short(min)}, highest ${short(max)}`];
  if (gaps) parts.push(`${thinned ? "at least " : ""}${gaps} not finite`);
  if (hidden) parts.push(`${hidden} not above zero`);
  const changes = markers.filter(({ line }) => line);
  const last = changes.at(-1);
  if (last) parts.push(`${changes.length} ${changes.length === 1 ? "change" : "changes"}, the last at ${placeText(last.x, axis)}: ${last.text}`);
  return parts.join("; ");
}

/**
 * Return the text about values that the line leaves out, "" if there are none.
 * @param {Partial<ChartFacts>} facts
 */
const gapsText = ({ gaps = 0, hidden = 0, thinned }) =>
  [gaps > 0 && `${thinned ? "≥ " : ""}${gaps} not finite`, hidden > 0 && `${hidden} ≤ 0`].filter(Boolean).join(", ");

/** @param {{name: string, title: string}} props */
export function Chart({ name, title }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const facts = useSignal(/** @type {Partial<ChartFacts>} */ ({ ...metrics.get(name)?.summary }));
  const pointer = useSignal(/** @type {PointerFacts} */ ({ at: null }));
  const plot = useRef(/** @type {Plot | null} */ (null));
  const [focusedLabel, setFocusedLabel] = useState(/** @type {string | null} */ (null)); // a screen reader would read out each new label
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (host.current);
    const remove = () => {
      plot.current?.destroy();
      plot.current = null;
    };
    const unwatch = watchVisibility(element, (visible) => {
      if (!visible) remove();
      else plot.current ??= new Plot(element, name, (drawn) => { facts.value = drawn; }, (point) => { pointer.value = point; });
    });
    return () => {
      unwatch();
      remove();
    };
  }, [name]);
  const { latest } = facts.value;
  const { at, tip = [], left } = pointer.value;
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (plot.current?.press(event)) announcement.value = [pointer.value.at, ...(pointer.value.tip ?? [])].filter(Boolean).join("; ");
  };
  const label = description(name, facts.value);
  const gaps = gapsText(facts.value);
  const isPinned = pinned.value.includes(name);
  return html`<figure class="chart" data-metric=${name}>
    <figcaption>
      <h4 title=${name}>${title}</h4>
      <button type="button" class="quiet" aria-pressed=${isPinned} aria-label=${`Pin ${name}`} title=${isPinned ? "Unpin" : "Pin to the top"} onClick=${() => toggle(pinned, name)}>${isPinned ? "★" : "☆"}</button>
      <button type="button" class="quiet" aria-label=${`CSV of ${name}`} title="Download these points as CSV" onClick=${() => downloadCsv([name])}>CSV</button>
      <div class="values"><p class="readout">${at ?? (latest === null || latest === undefined ? "no value" : short(latest))}</p>
      ${gaps && html`<p class="gaps" title="Gaps in the line: NaN and infinite values, and values that a logarithmic axis cannot show">
        ${gaps}</p>`}</div>
    </figcaption>
    <div class="plot" ref=${host} role="img" tabindex="0" aria-label=${focusedLabel ?? label}
      aria-describedby="chart-keys" onKeyDown=${press} onFocus=${() => setFocusedLabel(label)} onBlur=${() => setFocusedLabel(null)}></div>
    <div class="tip" hidden=${!tip.length} style=${{ left: `clamp(min(9rem, 50%), ${left ?? 0}px, max(50%, 100% - 9rem))` }}>${tip.map((text) => html`<p key=${text}>${text}</p>`)}</div>
  </figure>`;
}
