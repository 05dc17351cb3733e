// The value that a new field, item or key starts with.

import { MASK } from "../live/secret-mask.js";
import { describe } from "./schema-kinds.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Described } from "./schema-kinds.js"
 */

const DEEPEST = 8; // a schema may contain itself

/**
 * Return the local time as RFC 3339 without a zone, so many characters of it.
 * @param {number} length
 */
const localTime = (length) => new Date(Date.now() - new Date().getTimezoneOffset() * 60e3).toISOString().slice(0, length);

/** @type {Record<string, () => string>} */
const TEXTS = {
  date: () => localTime(10),
  "date-time": () => localTime(19),
  time: () => "00:00:00",
  duration: () => "PT0S",
  uuid: () => "00000000-0000-0000-0000-000000000000",
};

/**
 * Return the allowed number that is nearest to zero.
 * @param {Schema} schema
 */
function nearestToZero({ minimum, exclusiveMinimum, maximum, type }) {
  if (minimum !== undefined && minimum > 0) return minimum;
  if (exclusiveMinimum !== undefined && exclusiveMinimum >= 0) return type === "integer" ? exclusiveMinimum + 1 : maximum ?? exclusiveMinimum + 1;
  return maximum !== undefined && maximum < 0 ? maximum : 0;
}

/**
 * Return a value for a schema: its default, else the simplest value that the schema allows.
 * @param {Schema | undefined} raw
 * @param {Schema} root
 * @param {number} [depth]
 * @returns {Json}
 */
export function initial(raw, root, depth = 0) {
  const described = describe(raw, root);
  const { default: usual } = described.schema;
  if (usual !== undefined && usual !== MASK && (usual !== null || depth > 0)) return structuredClone(usual);
  return depth > DEEPEST || (described.nullable && depth > 0) ? null : simplest(described, root, depth);
}

/**
 * Return the simplest value of a kind.
 * @param {Described} described
 * @param {Schema} root
 * @param {number} depth
 * @returns {Json}
 */
function simplest({ kind, schema, variants }, root, depth) {
  switch (kind) {
    case "const": return schema.const;
    case "choice": return schema.enum?.[0];
    case "toggle": return false;
    case "number": return nearestToZero(schema);
    case "decimal": return String(nearestToZero(schema));
    case "text": case "secret": return TEXTS[schema.format ?? ""]?.() ?? "";
    case "items": return Array.from({ length: schema.minItems ?? 0 }, () => initial(schema.items, root, depth + 1));
    case "tuple": return schema.prefixItems?.map((each) => initial(each, root, depth + 1));
    case "mapping": return {};
    case "union": return initial(variants[0], root, depth);
    case "object": return initialObject(schema, root, depth);
    default: return schema.type === "array" ? [] : schema.type === "object" ? {} : null;
  }
}

/**
 * @param {Schema} schema
 * @param {Schema} root
 * @param {number} depth
 */
function initialObject({ properties = {}, required = [] }, root, depth) {
  const set = Object.entries(properties)
    .filter(([key, each]) => !each.computed && (required.includes(key) || (each.default !== undefined && each.default !== MASK)));
  return Object.fromEntries(set.map(([key, each]) => [key, initial(each, root, depth + 1)]));
}
