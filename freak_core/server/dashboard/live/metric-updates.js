// Tells charts that a metric has new points, at most four times a second.

const EVERY_MS = 250;
/** The metric's name by the function that draws it. @type {Map<() => void, string>} */
const listeners = new Map();
/** @type {Set<string>} */
const updated = new Set();
/** @type {number | undefined} */
let timer;
let last = -Infinity;

/**
 * Call `draw` when a metric has new points. Returns a function that ends it.
 * @param {string} name
 * @param {() => void} draw
 */
export function onUpdate(name, draw) {
  listeners.set(draw, name);
  return () => { listeners.delete(draw); };
}

/**
 * Say that a metric has new points.
 * @param {string} name
 */
export function updateMetric(name) {
  updated.add(name);
  timer ??= setTimeout(() => requestAnimationFrame(drawUpdated), Math.max(0, last + EVERY_MS - performance.now()));
}

function drawUpdated() {
  last = performance.now();
  timer = undefined;
  const names = new Set(updated);
  updated.clear();
  for (const [draw, name] of [...listeners]) if (names.has(name)) draw();
}
