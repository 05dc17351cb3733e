// When charts are drawn anew: at most four times a second for what arrives, and only where somebody sees it.

const EVERY_MS = 250;
const drawn = new Map();
const dirty = new Set();
let timer = null;
let last = -Infinity;

/** Call `draw` when there is news of a metric, until the returned function is called. */
export function watch(name, draw) {
  drawn.set(draw, name);
  return () => drawn.delete(draw);
}

/** Say that there is news of a metric. */
export function touch(name) {
  dirty.add(name);
  timer ??= setTimeout(() => requestAnimationFrame(redraw), Math.max(0, last + EVERY_MS - performance.now()));
}

function redraw() {
  last = performance.now();
  timer = null;
  const news = new Set(dirty);
  dirty.clear();
  for (const [draw, name] of [...drawn]) if (news.has(name)) draw();
}
