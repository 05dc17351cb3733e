// Where something was done: a line where it changed a value or was the stop, else a tick at the foot.

import { brief } from "../lib/format.js";
import { hasButtons, receipts } from "../live/run.js";
import { computed } from "../vendor.js";
import { dotted } from "../live/receipt-text.js";

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

const TICK = 6; // pixels

/** Whether a receipt changed a value other than a button's, which is a request only, or is the stop itself. */
const turns = ({ by, name, changes }) => (by === "freak" && name === "stop") || changes.some(({ path }) => !hasButtons(`/${path.split("/")[1]}`));

/** Everything that was applied, oldest first: `{step, at, text, label, line}`; step is null where the program told none. */
export const markers = computed(() => [...receipts.value.values()]
  .filter((receipt) => receipt.status === "applied" && receipt.applied && (receipt.kind === "action" || receipt.changes.length))
  .sort((a, b) => a.seq - b.seq)
  .slice(-NEWEST)
  .map((receipt) => ({ step: receipt.applied.step, at: Date.parse(receipt.applied.at) / 1000, text: text(receipt), label: label(receipt), line: turns(receipt) })));

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

/** Return `{x, text, label, line}` of every marker that has a place on this axis. */
export function placed(all, points, axis, origin) {
  const place = {
    step: ({ step, at }) => step ?? stepAt(points, at),
    relative: ({ at }) => at - origin,
    wall: ({ at }) => at,
  }[axis];
  return all.map((marker) => ({ ...marker, x: place(marker) })).filter(({ x }) => x !== null);
}

/** Draw the markers that are in sight into a chart; a line is labelled where there is room for all of its words. */
export function drawMarkers(u, shown, colour) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const [right, foot] = [bbox.left + bbox.width, bbox.top + bbox.height];
  const inSight = shown
    .map(({ x, label: words, line }) => ({ left: u.valToPos(x, "x", true), words, line }))
    .filter(({ left }) => left >= bbox.left && left <= right)
    .sort((a, b) => a.left - b.left);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = ratio;
  for (const { left, line } of inSight) {
    ctx.setLineDash(line ? [4 * ratio, 3 * ratio] : []);
    ctx.beginPath();
    ctx.moveTo(left, line ? bbox.top : foot - TICK * ratio);
    ctx.lineTo(left, foot);
    ctx.stroke();
  }
  ctx.font = `${10.5 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  for (const { from, words } of labels(ctx, inSight.filter(({ line }) => line), [bbox.left, right], 6 * ratio)) ctx.fillText(words, from, bbox.top - 2 * ratio);
  ctx.restore();
}

/** Return where which labels go: each right of its line if it ends before the next one, else left of it if it fits there. */
function labels(ctx, lines, [start, end], gap) {
  const fitting = [];
  let taken = start;
  lines.forEach(({ left, words }, i) => {
    const { width } = ctx.measureText(words);
    const from = left + width + gap <= (lines[i + 1]?.left ?? end + gap) ? left : left - width;
    if (from >= taken) {
      fitting.push({ from, words });
      taken = from + width + gap;
    }
    taken = Math.max(taken, left + gap);
  });
  return fitting;
}
