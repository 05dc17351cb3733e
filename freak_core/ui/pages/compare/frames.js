// Draws in frames: each frame draws as many charts as fit into it, the rest follow in the next ones.

const BUDGET_MS = 10;

/** @type {Set<() => void>} */
const waiting = new Set();
let frame = 0;

/** Draw now what waits, until the frame's time is used up. */
function drawWaiting() {
  frame = 0;
  const start = performance.now();
  for (const draw of waiting) {
    waiting.delete(draw);
    draw();
    if (performance.now() - start > BUDGET_MS) break;
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
