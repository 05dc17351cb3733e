// A chart in the page: its name, its latest value, what the pointer is at, and the drawing while it is in sight.

import { exported } from "./csv-export.js";
import { Plot } from "./plot.js";
import { pinned, toggle } from "./settings.js";
import { place, short } from "../lib/format.js";
import { metrics } from "../live/metric-history.js";
import { html, signal, useEffect, useRef, useSignal, useState } from "../vendor.js";

/** The value that a key has led to, to be read out: what a pointer is at is not, nor what moves by itself. */
const spoken = signal("");

export const Spoken = () => html`<p class="unseen" aria-live="polite">${spoken.value}</p>`;

const seen = new Map();
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) seen.get(target)?.(isIntersecting);
}, { rootMargin: "200px" });

/** Call `tell` with whether an element is in sight, now and whenever that changes; returns what ends it. */
function watchSight(element, tell) {
  seen.set(element, tell);
  sight.observe(element);
  return () => {
    sight.unobserve(element);
    seen.delete(element);
  };
}

/** Return the chart in words. */
function inWords(name, { latest, min, max, gaps, thinned, hidden, axis, markers }) {
  const words = [`${name}: latest ${short(latest)}, lowest ${short(min)}, highest ${short(max)}`];
  if (gaps) words.push(`${thinned ? "at least " : ""}${gaps} not finite`);
  if (hidden) words.push(`${hidden} not above zero`);
  const changes = markers?.filter(({ line }) => line) ?? [];
  const last = changes.at(-1);
  if (last) words.push(`${changes.length} ${changes.length === 1 ? "change" : "changes"}, the last at ${place(last.x, axis)}: ${last.text}`);
  return words.join("; ");
}

export function Chart({ name, title }) {
  const host = useRef();
  const facts = useSignal({ ...metrics.get(name)?.summary });
  const pointer = useSignal({ at: null });
  const plot = useRef(null);
  const [label, setLabel] = useState(null); // in focus it stays: each new one would be read out
  useEffect(() => {
    const say = (news) => {
      if ("at" in news) pointer.value = news;
      else facts.value = news;
    };
    const unwatch = watchSight(host.current, (visible) => {
      if (visible) plot.current ??= new Plot(host.current, name, say);
      else leave();
    });
    const leave = () => {
      plot.current?.destroy();
      plot.current = null;
    };
    return () => {
      unwatch();
      leave();
    };
  }, [name]);
  const { latest, gaps, thinned, hidden } = facts.value;
  const { at, tip = [], left } = pointer.value;
  const press = (event) => {
    if (plot.current?.press(event)) spoken.value = [pointer.value.at, ...(pointer.value.tip ?? [])].filter(Boolean).join("; ");
  };
  const words = inWords(name, facts.value);
  const isPinned = pinned.value.includes(name);
  return html`<figure class="chart" data-metric=${name}>
    <figcaption>
      <h4 title=${name}>${title}</h4>
      <button type="button" class="quiet" aria-pressed=${isPinned} aria-label=${`Pin ${name}`} title=${isPinned ? "Unpin" : "Pin to the top"} onClick=${() => toggle(pinned, name)}>${isPinned ? "★" : "☆"}</button>
      <button type="button" class="quiet" aria-label=${`CSV of ${name}`} title="Download these points as CSV" onClick=${() => exported([name])}>CSV</button>
      <div class="values"><p class="readout">${at ?? (latest === null || latest === undefined ? "no value" : short(latest))}</p>
      ${(gaps > 0 || hidden > 0) && html`<p class="gaps" title="Gaps in the line: NaN and infinite values, and what a logarithmic axis cannot show">
        ${[gaps > 0 && `${thinned ? "≥ " : ""}${gaps} not finite`, hidden > 0 && `${hidden} ≤ 0`].filter(Boolean).join(", ")}</p>`}</div>
    </figcaption>
    <div class="plot" ref=${host} role="img" tabindex="0" aria-label=${label ?? words}
      aria-describedby="chart-keys" onKeyDown=${press} onFocus=${() => setLabel(words)} onBlur=${() => setLabel(null)}></div>
    <div class="tip" hidden=${!tip.length} style=${{ left: `clamp(min(9rem, 50%), ${left ?? 0}px, max(50%, 100% - 9rem))` }}>${tip.map((text) => html`<p key=${text}>${text}</p>`)}</div>
  </figure>`;
}
