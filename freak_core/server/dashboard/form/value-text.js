// A value of the form as a short text, for old → new.

import { Exact, some, stringify, Unparsed } from "../lib/json.js";
import { MASK } from "../live/secret-mask.js";
import { REMOVED } from "./merge-patch.js";
import { mapParts } from "./subschema.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Binding } from "./binding.js"
 */

const LONGEST = 80;

/**
 * Return a value as a text; an object or a list as JSON.
 * @param {Json} value
 */
export function valueText(value) {
  if (value === undefined) return "not set";
  if (value === REMOVED) return "removed";
  if (value === null) return "none";
  if (value === "") return "“”";
  if (value instanceof Exact || typeof value !== "object") return String(value);
  return some(value, (part) => part instanceof Unparsed) ? "…" : stringify(value);
}

/**
 * Return a value of a field as a text of at most 80 characters, with secrets masked.
 * @param {Json} value
 * @param {Pick<Binding, "live" | "raw" | "root">} binding
 */
export function maskedText(value, { live, raw, root }) {
  if (value instanceof Unparsed) return value.text || "nothing";
  const text = valueText(masked(value));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;

  /** @param {Json} each */
  function masked(each) {
    if (each === undefined || each === REMOVED) return each;
    if (live === MASK) return typeof each === "string" ? MASK : each;
    return mapParts(each, raw, root, (part, { kind }) => (kind === "secret" && typeof part === "string" ? MASK : part));
  }
}
