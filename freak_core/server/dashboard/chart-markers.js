// Where something was changed: vertical lines with what it was.

import { brief } from "./format.js";
import { receipts } from "./run.js";
import { computed } from "./vendor.js";
import { dotted } from "./wording.js";

/** More than these are no help on a chart; the timeline has them all. */
const NEWEST = 200;
/** Changes of one request that are spelled out. */
const SPELLED_OUT = 4;

function text({ kind, name, changes, note }) {
  const spelled = changes.slice(0, SPELLED_OUT).map(({ path, old, new: now }) => `${dotted(path)}: ${brief(old)} → ${brief(now)}`);
  if (changes.length > SPELLED_OUT) spelled.push(`${changes.length - SPELLED_OUT} more`);
  const said = [kind === "action" ? name : null, spelled.join(", ")].filter(Boolean).join(": ");
  return note ? `${said} (${note})` : said;
}

/** Return what fits beside a line. */
const label = ({ kind, name, changes }) => (kind === "action" ? name : changes.map(({ path, new: now }) => `${dotted(path)} → ${brief(now)}`).join(", "));

/** Everything that was applied, oldest first: `{step, at, text, label}`; step is null where the program told none. */
export const markers = computed(() => [...receipts.value.values()]
  .filter((receipt) => receipt.status === "applied" && receipt.applied && (receipt.kind === "action" || receipt.changes.length))
  .sort((a, b) => a.seq - b.seq)
  .slice(-NEWEST)
  .map((receipt) => ({ step: receipt.applied.step, at: Date.parse(receipt.applied.at) / 1000, text: text(receipt), label: label(receipt) })));

/** Return the step that was the last one at a time, or null before the first. */
function stepAt({ steps, times }, at) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low ? steps[low - 1] : null;
}

/** Return `{x, text, label}` of every marker that has a place on this axis. */
export function placed(all, points, axis, origin) {
  const place = {
    step: ({ step, at }) => step ?? stepAt(points, at),
    relative: ({ at }) => at - origin,
    wall: ({ at }) => at,
  }[axis];
  return all.map((marker) => ({ ...marker, x: place(marker) })).filter(({ x }) => x !== null);
}

/** Draw the markers that are in sight into a chart, each labelled where there is room up to the next. */
export function drawMarkers(u, shown, colour) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const inSight = shown
    .map(({ x, label: words }) => ({ left: u.valToPos(x, "x", true), words }))
    .filter(({ left }) => left >= bbox.left && left <= bbox.left + bbox.width)
    .sort((a, b) => a.left - b.left);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  ctx.font = `${10.5 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  inSight.forEach(({ left, words }, i) => {
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    const room = (inSight[i + 1]?.left ?? bbox.left + bbox.width) - left;
    ctx.fillText(fitting(ctx, words, room - 6 * ratio), left - ratio, bbox.top - 2 * ratio);
  });
  ctx.restore();
}

function fitting(ctx, words, room) {
  if (ctx.measureText(words).width <= room) return words;
  let length = Math.min(words.length, 80);
  while (length > 0 && ctx.measureText(`${words.slice(0, length)}…`).width > room) length--;
  return length > 3 ? `${words.slice(0, length)}…` : "";
}
