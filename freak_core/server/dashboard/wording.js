// Receipts in words.

import { pieces } from "./api.js";

/** Return a JSON Pointer as people write it: `lr.hold`. */
export const dotted = (path) => pieces(path).join(".") || "the whole state";

/** Return a value in one line. */
export function value(thing) {
  const text = thing === undefined ? "null" : JSON.stringify(thing);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

/** Return why something was refused: each path with its reason, or the sentence. */
export const reasons = (problem) =>
  problem.errors?.length
    ? problem.errors.map(({ path, message }) => (path && path !== "/" ? `${dotted(path)}: ${message}` : message)).join("; ")
    : problem.detail ?? problem.title;

/** Return where a request took effect: " at step 1,200 on 2 ranks". */
export function where({ applied }) {
  const step = applied?.step == null ? "" : ` at step ${applied.step.toLocaleString("en")}`;
  return applied?.ranks > 1 ? `${step} on ${applied.ranks} ranks` : step;
}

/** Return what a request is about. */
export function subject({ kind, name, path, changes, by }) {
  if (kind === "action") return by === "program" ? name : `call ${name}`;
  if (kind === "reset") return `reset ${dotted(path)}`;
  const touched = changes.length ? changes.map((change) => dotted(change.path)) : [dotted(path)];
  return `set ${touched.slice(0, 3).join(", ")}${touched.length > 3 ? `, and ${touched.length - 3} more` : ""}`;
}

/** Return the parts of a result, as `[what, text]`. */
export const parts = (result) =>
  result !== null && typeof result === "object" && !Array.isArray(result)
    ? Object.entries(result).map(([key, thing]) => [key.replaceAll("_", " "), typeof thing === "string" ? thing : value(thing)])
    : [["result", typeof result === "string" ? result : value(result)]];
