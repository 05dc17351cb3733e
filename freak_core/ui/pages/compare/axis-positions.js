// Places along a chart's horizontal axis, in ascending order.

/**
 * Return the index of the last place that is not above `x`, -1 if there is none.
 * @param {number[]} xs
 * @param {number} x
 */
export function lastUpTo(xs, x) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Return the index of the place that is nearest to `x`, -1 without any.
 * @param {number[]} xs
 * @param {number} x
 */
export function nearest(xs, x) {
  const before = lastUpTo(xs, x);
  if (before < 0) return xs.length ? 0 : -1;
  return before + 1 < xs.length && xs[before + 1] - x < x - xs[before] ? before + 1 : before;
}
