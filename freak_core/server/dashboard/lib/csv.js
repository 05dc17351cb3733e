// Points as comma-separated values (RFC 4180), every digit kept.

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const cell = (value) => (value === null ? "" : typeof value === "number" ? String(value) : quoted(value));

/**
 * Return a table with a line for every point: metric, step, time in seconds since the epoch, value; `nan` for a value
 * that is not finite.
 *
 * @param series rows `[step, time, value]` by the metric's name.
 */
export function csv(series) {
  const lines = ["metric,step,time,value"];
  for (const [name, rows] of Object.entries(series)) {
    for (const [step, time, value] of rows) lines.push([name, step, time, value ?? "nan"].map(cell).join(","));
  }
  return lines.join("\r\n") + "\r\n";
}
