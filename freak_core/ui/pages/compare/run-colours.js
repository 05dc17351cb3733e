// A colour for each run of a comparison.

/** Ten hues, far apart, each in two lightnesses: the eye tells twenty lines apart, hardly more. */
const HUES = [255, 40, 150, 5, 305, 100, 200, 70, 340, 225];
const COUNT = 2 * HUES.length;

/** @param {string} id */
function hash(id) {
  let sum = 0;
  for (let i = 0; i < id.length; i++) sum = (Math.imul(sum, 31) + id.charCodeAt(i)) >>> 0;
  return sum;
}

/**
 * Return the number of a colour for each run. It depends on the id, so that a run keeps its colour; a run whose colour is
 * taken gets the next free one.
 * @param {string[]} ids
 * @returns {Map<string, number>}
 */
export function colourNumbers(ids) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  for (const id of [...ids].sort()) {
    const taken = new Set([...numbers.values()].slice(-(numbers.size % COUNT) || COUNT));
    let number = hash(id) % COUNT;
    while (numbers.size % COUNT && taken.has(number)) number = (number + 1) % COUNT;
    numbers.set(id, number);
  }
  return numbers;
}

/**
 * Return a colour by its number, for CSS and canvas.
 * @param {number} number
 * @param {boolean} dark whether the page is dark
 */
export function colour(number, dark) {
  const bright = number >= HUES.length;
  const lightness = dark ? (bright ? 0.86 : 0.7) : bright ? 0.68 : 0.5;
  return `oklch(${lightness} ${bright ? 0.12 : 0.17} ${HUES[number % HUES.length]})`;
}
