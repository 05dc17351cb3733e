// Receipts as texts.

import { isInteger, isNumber, isObject, stringify } from "../lib/json.js";
import { formatPointer, parsePointer } from "../lib/json-pointer.js";
import { MASK } from "./secret-mask.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Problem } from "./api.js"
 * @import { Receipt } from "./receipts.js"
 */

/**
 * Return a JSON Pointer with dots: `lr.hold`.
 * @param {string} path
 */
export const dotted = (path) => parsePointer(path).join(".") || "the whole state";

/**
 * Return a value as a text of at most 120 characters.
 * @param {Json} value
 */
export function valueText(value) {
  const text = value === undefined ? "null" : stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

/**
 * Return why a request was refused: each path with its reason, or the problem's sentence.
 * @param {Problem} problem
 */
export const reasons = (problem) =>
  problem.errors?.length
    ? problem.errors.map(({ path, message }) => (path && path !== "/" ? `${dotted(path)}: ${message}` : message)).join("; ")
    : problem.detail ?? problem.title ?? "";

/** @param {number | null | undefined} step */
const known = (step) => step !== null && step !== undefined;

/**
 * Return where a request was applied: " at step 1,200 on 2 ranks".
 * @param {Pick<Receipt, "applied">} receipt
 */
export function where({ applied }) {
  const logged = known(applied?.logged_step) ? ` (logged as step ${applied?.logged_step?.toLocaleString("en")})` : "";
  const step = known(applied?.step) ? ` at step ${applied?.step?.toLocaleString("en")}${logged}` : "";
  return applied && applied.ranks > 1 ? `${step} on ${applied.ranks} ranks` : step;
}

/**
 * Return the values that a request asked for, as `[path, value]`. Empty for a secret, or if the receipt does not tell.
 * @param {Receipt} receipt
 * @returns {[string, Json][]}
 */
export function askedValues({ kind, path, asked }) {
  if (asked === null || asked === undefined || asked === MASK) return [];
  /**
   * @param {Json} value
   * @param {string} at
   * @returns {[string, Json][]}
   */
  const leaves = (value, at) =>
    isObject(value) && (kind !== "put" || at === "")
      ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, at + formatPointer([key])))
      : [[at, value]];
  return leaves(asked, kind === "action" ? "" : path);
}

/**
 * Return what a request asks for, as `[path, text]`: for each value, or for each operation of a JSON Patch.
 * @param {Receipt} receipt
 * @returns {[string, string][]}
 */
export function askedTexts(receipt) {
  const { kind, path, asked } = receipt;
  if (kind !== "json_patch" || !Array.isArray(asked)) return askedValues(receipt).map(([at, value]) => [at, valueText(value)]);
  return asked.flatMap((step) => (isObject(step) ? [[path + String(step.path), operationText(step, path)]] : []));
}

/**
 * @param {{[key: string]: Json}} step an operation of a JSON Patch
 * @param {string} base the pointer that its paths begin at
 */
function operationText({ op, from, value }, base) {
  switch (op) {
    case "remove": return "removed";
    case "move": return `moved here from ${dotted(base + String(from))}`;
    case "copy": return `copied from ${dotted(base + String(from))}`;
    case "add": return `${valueText(value)}, added`;
    case "test": return `${valueText(value)}, or else nothing is changed`;
    default: return valueText(value);
  }
}

/**
 * Return when a scheduled request is due: ", due at step 1,200".
 * @param {Receipt} receipt
 */
export function due({ at_step: step, at_epoch: epoch, applied }) {
  if (applied) return "";
  const wanted = Object.entries({ step, epoch }).flatMap(([name, at]) => (at === null || at === undefined ? [] : [`${name} ${at.toLocaleString("en")}`]));
  return wanted.length ? `, due at ${wanted.join(" and ")}` : "";
}

/**
 * Return what a request is about: "set lr.hold", "call checkpoint".
 * @param {Receipt} receipt
 */
export function subject(receipt) {
  const { kind, name, path, changes, by } = receipt;
  if (kind === "action") return ["program", "freak"].includes(by) ? name ?? "" : `call ${name}`;
  if (kind === "reset") return `reset ${dotted(path)}`;
  const paths = changes.length ? changes.map((change) => change.path) : askedTexts(receipt).map(([at]) => at);
  const named = paths.length ? paths.map(dotted) : [path ? dotted(path) : "the state"];
  return `set ${named.slice(0, 3).join(", ")}${named.length > 3 ? `, and ${named.length - 3} more` : ""}`;
}

/**
 * Return a number with at most six digits; an integer with all of its digits.
 * @param {Json} number
 */
const short = (number) => String(isInteger(number) ? number : Number(Number(number).toPrecision(6)));

/** @param {string} key */
const spaced = (key) => key.replaceAll("_", " ");

/**
 * Return the parts of an action's result, as `[name, text]`.
 * @param {Json} result
 * @param {string} [name]
 * @returns {[string, string][]}
 */
export function resultParts(result, name = "") {
  if (isObject(result)) {
    return Object.entries(result).flatMap(([key, part]) => resultParts(part, key.startsWith(name) ? spaced(key) : `${name} ${spaced(key)}`));
  }
  const text = isNumber(result) ? short(result) : typeof result === "string" ? result : valueText(result);
  return [[name || "result", text]];
}
