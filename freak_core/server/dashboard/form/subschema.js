// The schema of a part of the state.

import { Exact, isObject } from "../lib/json.js";
import { describe, variantOf } from "./schema-kinds.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Described } from "./schema-kinds.js"
 */

/**
 * Return the schema of `value[key]`.
 * @param {Schema} raw the schema of `value`
 * @param {string | number} key
 * @param {Json} value
 * @param {Schema} root
 * @returns {Schema}
 */
export function childSchema(raw, key, value, root) {
  const { kind, schema, variants } = describe(raw, root);
  if (kind === "union") {
    const variant = variantOf(value, variants, root);
    return variant < 0 ? {} : childSchema(variants[variant], key, value, root);
  }
  const { properties, prefixItems, items, additionalProperties: extra } = schema;
  const declared = properties && Object.hasOwn(properties, key) ? properties[key] : prefixItems?.[Number(key)];
  return declared ?? items ?? (isObject(extra) ? extra : {});
}

/**
 * Return the schema of a part of the state.
 * @param {Schema} root the state's
 * @param {Json} state
 * @param {string[]} keys
 */
export function schemaAt(root, state, keys) {
  let [raw, value] = [root, state];
  for (const key of keys) {
    raw = childSchema(raw, key, value, root);
    value = value?.[key];
  }
  return raw;
}

/**
 * Return `value` with every part replaced by `change(part, described)`. A part for which that is undefined is left out.
 * @param {Json} value
 * @param {Schema} raw
 * @param {Schema} root
 * @param {(part: Json, described: Described) => Json} change
 * @returns {Json}
 */
export function mapParts(value, raw, root, change) {
  const made = change(value, describe(raw, root));
  if (made !== value || typeof value !== "object" || value === null || value instanceof Exact) return made;
  /**
   * @param {Json} part
   * @param {string | number} key
   */
  const mapped = (part, key) => mapParts(part, childSchema(raw, key, value, root), root, change);
  if (Array.isArray(value)) return value.map(mapped);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, mapped(part, key)]).filter(([, part]) => part !== undefined));
}
