// A colour for each run of a comparison.

/** Ten hues, each far from those before it, in two lightnesses: the eye tells twenty lines apart, hardly more. */
const HUES = [255, 45, 150, 350, 300, 95, 200, 15, 325, 120];
const COUNT = 2 * HUES.length;

/**
 * Return the number of a colour for each run. A run that has one keeps it; another gets the first that no run has.
 * @param {string[]} ids
 * @param {Map<string, number>} known the numbers of before
 * @returns {Map<string, number>}
 */
export function colourNumbers(ids, known) {
  const numbers = new Map([...known].filter(([id]) => ids.includes(id)));
  const taken = new Set(numbers.values());
  let free = 0;
  for (const id of ids) {
    if (numbers.has(id)) continue;
    while (taken.has(free)) free += 1;
    taken.add(free);
    numbers.set(id, free);
  }
  return numbers;
}

/**
 * Return a colour by its number, for CSS and canvas.
 * @param {number} number
 * @param {boolean} dark whether the page is dark
 */
export function colour(number, dark) {
  const bright = number % COUNT >= HUES.length;
  const lightness = dark ? (bright ? 0.86 : 0.7) : bright ? 0.72 : 0.52;
  return `oklch(${lightness} ${bright ? 0.12 : 0.17} ${HUES[number % HUES.length]})`;
}
