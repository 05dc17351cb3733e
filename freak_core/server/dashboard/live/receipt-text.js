// Receipts in words.

import { pieces, pointer } from "./api.js";
import { isInteger, isNumber, isObject, stringify } from "../lib/json.js";

const MASK = "**********";

/** Return a JSON Pointer as people write it: `lr.hold`. */
export const dotted = (path) => pieces(path).join(".") || "the whole state";

/** Return a value in one line. */
export function value(thing) {
  const text = thing === undefined ? "null" : stringify(thing);
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

/** Return the values that a request asks for, as `[path, value]`; none where they are secret or not told. */
export function wishes({ kind, path, asked }) {
  if (asked === null || asked === undefined || asked === MASK) return [];
  const leaves = (thing, at) =>
    isObject(thing) && (kind !== "put" || at === "")
      ? Object.entries(thing).flatMap(([key, inner]) => leaves(inner, at + pointer([key])))
      : [[at, thing]];
  return leaves(asked, kind === "action" ? "" : path);
}

/** Return when a request that waits is due: "due at step 1,200". */
export function due({ at_step: step, at_epoch: epoch, applied }) {
  const wanted = [["step", step], ["epoch", epoch]].filter(([, at]) => at !== null && at !== undefined);
  return wanted.length && !applied ? `, due at ${wanted.map(([what, at]) => `${what} ${at.toLocaleString("en")}`).join(" and ")}` : "";
}

/** Return what a request is about. */
export function subject(receipt) {
  const { kind, name, path, changes, by } = receipt;
  if (kind === "action") return ["program", "freak"].includes(by) ? name : `call ${name}`;
  if (kind === "reset") return `reset ${dotted(path)}`;
  const paths = changes.length ? changes.map((change) => change.path) : wishes(receipt).map(([at]) => at);
  const touched = paths.length ? paths.map(dotted) : [path ? dotted(path) : "the state"];
  return `set ${touched.slice(0, 3).join(", ")}${touched.length > 3 ? `, and ${touched.length - 3} more` : ""}`;
}

/** Return a number as short as six digits say it. */
const short = (number) => String(isInteger(number) ? number : Number(Number(number).toPrecision(6)));

const spaced = (key) => key.replaceAll("_", " ");

/** Return the parts of a result, as `[what, text]`. */
export function parts(result, what = "") {
  if (isObject(result)) {
    return Object.entries(result).flatMap(([key, thing]) => parts(thing, key.startsWith(what) ? spaced(key) : `${what} ${spaced(key)}`));
  }
  const text = isNumber(result) ? short(result) : typeof result === "string" ? result : value(result);
  return [[what || "result", text]];
}
