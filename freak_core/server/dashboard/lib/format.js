// Numbers as people read them.

import { isNumber, stringify } from "./json.js";

const exponential = (number, digits) => number.toExponential(digits).replace(/\.?0*e\+?/, "e");

/** Return a number with at most five digits, such as `0.0312` or `3e-5`; every digit of an integer below a million. */
export function short(number) {
  if (number === null) return "none";
  if (Number.isNaN(number)) return "not finite";
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return exponential(number, 3);
  return String(Number.isInteger(number) ? number : Number(number.toPrecision(5)));
}

/** Return the label of a tick. */
export function tick(number) {
  const size = Math.abs(number);
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? exponential(number, 6) : String(Number(number.toPrecision(10)));
}

/** Return seconds as `1h 02m`, `3m 05s` or `1.25s`. */
export function duration(seconds) {
  const sign = seconds < 0 ? "-" : "";
  const size = Math.abs(seconds) < 60 ? Math.abs(seconds) : Math.round(Math.abs(seconds));
  if (size < 60) return `${sign}${Number(size.toFixed(3))}s`;
  const [minutes, rest] = [Math.floor(size / 60), size % 60];
  if (size < 3600) return `${sign}${minutes}m ${String(rest).padStart(2, "0")}s`;
  return `${sign}${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/** Return a time of day with its date. */
export const clock = (seconds) => {
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
};

/** Return where something is on an axis: `step 1200`, `3m 05s` or a date. */
export const place = (x, axis) => (axis === "step" ? `step ${x}` : axis === "relative" ? duration(x) : clock(x));

/** Return a JSON value in a line. */
export function brief(value) {
  if (value === null || value === undefined) return "none";
  const text = isNumber(value) ? short(Number(value)) : typeof value === "string" ? value : stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
