// Numbers and JSON values as short texts.

import { isNumber, stringify } from "./json.js";

/** @import { Json } from "./json.js" */

/**
 * @param {number} number
 * @param {number} digits
 */
const exponential = (number, digits) => number.toExponential(digits).replace(/\.?0*e\+?/, "e");

/**
 * Return a number with at most five digits, such as `0.0312` or `3e-5`. An integer below a million keeps every digit.
 * @param {number | null} number null for none, NaN for a value that is not finite
 */
export function short(number) {
  if (number === null) return "none";
  if (Number.isNaN(number)) return "not finite";
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return exponential(number, 3);
  return String(Number.isInteger(number) ? number : Number(number.toPrecision(5)));
}

/**
 * Return the label of a tick.
 * @param {number} number
 */
export function tick(number) {
  const size = Math.abs(number);
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? exponential(number, 6) : String(Number(number.toPrecision(10)));
}

/**
 * Return a JSON value as a text of at most 60 characters.
 * @param {Json} value
 */
export function brief(value) {
  if (value === null || value === undefined) return "none";
  const text = isNumber(value) ? short(Number(value)) : typeof value === "string" ? value : stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
