// Draws in frames: each frame draws as many charts as the browser manages in time, the rest follow in the next ones.

/** Frames should not take longer than this, in milliseconds. */
const SLOW_MS = 28;
const MOST = 12;

/** @type {Set<() => void>} */
const waiting = new Set();
let frame = 0;
/** How many charts a frame draws. The browser fills the lines after this code has ended, so only the next frame tells. */
let perFrame = 2;
let last = -Infinity;

/** @param {number} now */
function drawWaiting(now) {
  const took = now - last;
  if (took > SLOW_MS && took < 1000) perFrame = Math.max(1, Math.floor(perFrame / 2));
  else if (took <= SLOW_MS) perFrame = Math.min(MOST, perFrame + 1);
  last = now;
  frame = 0;
  for (const draw of [...waiting].slice(0, perFrame)) {
    waiting.delete(draw);
    draw();
  }
  if (waiting.size) frame = requestAnimationFrame(drawWaiting);
}

/**
 * Call `draw` in the next frame, or soon after if many charts wait. One that waits already keeps its turn.
 * @param {() => void} draw
 */
export function drawSoon(draw) {
  waiting.add(draw);
  frame ||= requestAnimationFrame(drawWaiting);
}

/** @param {() => void} draw one that may wait; it is not called any more */
export const forget = (draw) => waiting.delete(draw);
