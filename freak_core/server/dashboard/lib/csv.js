// Points as comma-separated values (RFC 4180), with every digit.

/**
 * A point as the server sends it: step, seconds since the epoch, value. Null stands for a missing step, and for a
 * value that is not finite.
 * @typedef {[step: number | null, time: number, value: number | null]} Row
 */

/** A spreadsheet takes a text that starts like this, after blanks, for a formula, and runs it. */
const FORMULA = /^\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

/**
 * Quote a text with any character that some spreadsheet takes for a separator: in many countries that is `;`.
 * @param {string} text
 */
const quoted = (text) => (/[",;|\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** @param {string | number | null} value */
function cell(value) {
  if (typeof value === "number") return String(value);
  return value === null ? "" : quoted(FORMULA.test(value) ? `'${value}` : value);
}

/**
 * Return a table with a line for every point: metric, step, time in seconds since the epoch, value. The value is `nan`
 * where it is not finite. A name that a spreadsheet would run as a formula begins with an apostrophe.
 * @param {Record<string, Row[]>} series the points by the metric's name
 */
export function csv(series) {
  const lines = ["metric,step,time,value"];
  for (const [name, rows] of Object.entries(series)) {
    for (const [step, time, value] of rows) lines.push([name, step, time, value ?? "nan"].map(cell).join(","));
  }
  return lines.map((line) => `${line}\r\n`).join("");
}
