// A chart on the page: the metric's name, the curves while it is visible, and the values at the cursor.

import { short } from "../dashboard/lib/format.js";
import { watchVisibility } from "../dashboard/lib/visibility.js";
import { html, signal, useEffect, useRef, useSignal } from "../dashboard/vendor.js";
import { Overlay } from "./overlay.js";

/**
 * @import { DrawnRun } from "./curve-drawing.js"
 * @import { ComparedRun, PointerFacts } from "./overlay.js"
 */

/** Runs whose values a tip shows; the others have their number. */
const MOST_IN_TIP = 10;

/** The values that an arrow key has led to. A screen reader reads them out. */
const announcement = signal("");

export const CurveAnnouncement = () => html`<p class="unseen" aria-live="polite">${announcement.value}</p>`;

/**
 * Return what the chart shows, in a sentence.
 * @param {string} name
 * @param {DrawnRun[]} runs
 */
function description(name, runs) {
  const texts = runs.slice(0, MOST_IN_TIP).map(({ name: run, line }) => `${run} ${short(line.values.at(-1) ?? null)}`);
  const more = runs.length > MOST_IN_TIP ? `, and ${runs.length - MOST_IN_TIP} more` : "";
  return runs.length ? `${name}: latest of ${texts.join(", ")}${more}` : `${name}: no curve`;
}

/** @param {{facts: PointerFacts}} props */
function Tip({ facts }) {
  if (!facts) return null;
  const { place, values, marks, left } = facts;
  return html`<div class="tip" style=${{ left: `clamp(min(9rem, 50%), ${left}px, max(50%, 100% - 9rem))` }}>
    <p><strong>${place}</strong></p>
    ${values.slice(0, MOST_IN_TIP).map(({ id, name, colour, value }) => html`<p key=${id}><i class="swatch" style=${{ background: colour }}></i><span class="run">${name}</span> <b>${short(value)}</b></p>`)}
    ${values.length > MOST_IN_TIP && html`<p key="more">and ${values.length - MOST_IN_TIP} more</p>`}
    ${marks.slice(0, 4).map(({ text, colour }, i) => html`<p key=${i} class="mark"><i class="swatch" style=${{ background: colour }}></i>${text}</p>`)}
  </div>`;
}

/** @param {{name: string, runs: ComparedRun[]}} props */
export function CurveChart({ name, runs }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const drawn = useSignal(/** @type {DrawnRun[] | null} */ (null));
  const pointer = useSignal(/** @type {PointerFacts} */ (null));
  const overlay = useRef(/** @type {Overlay | null} */ (null));
  const latest = useRef(runs);
  latest.current = runs;
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (host.current);
    const remove = () => {
      overlay.current?.destroy();
      overlay.current = null;
    };
    const unwatch = watchVisibility(element, (visible) => {
      if (!visible) remove();
      else overlay.current ??= new Overlay(element, name, latest.current, (now) => { drawn.value = now; }, (facts) => { pointer.value = facts; });
    });
    return () => {
      unwatch();
      remove();
    };
  }, [name]);
  useEffect(() => overlay.current?.show(runs), [runs]);
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (!overlay.current?.press(event) || !pointer.value) return;
    announcement.value = [pointer.value.place, ...pointer.value.values.map((each) => `${each.name} ${short(each.value)}`), ...pointer.value.marks.map(({ text }) => text)].join("; ");
  };
  return html`<figure class="chart" data-metric=${name}>
    <figcaption><h3 title=${name}>${name}</h3>
      <p class="count">${drawn.value && drawn.value.length < runs.length ? `${drawn.value.length} of ${runs.length} runs` : ""}</p></figcaption>
    <div class="plot" ref=${host} role="img" tabindex="0" aria-label=${description(name, drawn.value ?? [])} aria-describedby="curve-keys" onKeyDown=${press}></div>
    <${Tip} facts=${pointer.value} />
  </figure>`;
}
