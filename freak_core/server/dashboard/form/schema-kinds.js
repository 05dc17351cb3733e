// What a JSON schema says of a value: which control shows it, and which variant of a union it is.

import { isInteger, isNumber, isObject } from "../lib/json.js";
import { resolve } from "../lib/json-schema.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 */

/**
 * @typedef {"number" | "decimal" | "text" | "secret" | "toggle" | "choice" | "const" | "json"} ControlKind kinds with one control
 * @typedef {"object" | "mapping" | "items" | "tuple" | "union"} GroupKind
 * @typedef {ControlKind | GroupKind} Kind
 */

/**
 * @typedef {object} Described
 * @property {Kind} kind
 * @property {Schema} schema without null and references
 * @property {boolean} nullable whether null is allowed
 * @property {Schema[]} variants of a union; else empty
 */

/** @type {Record<string, string>} */
const TYPE_NAMES = { integer: "whole number", number: "number", string: "text", boolean: "yes or no", array: "list", object: "object" };

/** The form is drawn again at every key that is typed. @type {WeakMap<object, {root: Schema, described: Described}>} */
const cache = new WeakMap();

/**
 * Return whether a schema allows any value.
 * @param {Schema} raw
 */
export const allowsAnything = (raw) => Object.keys(raw).length === 0;

/**
 * @param {Schema} schema
 * @param {string | undefined} type
 * @returns {Kind}
 */
function kindOfType(schema, type) {
  if ("const" in schema) return "const";
  if (Array.isArray(schema.enum)) return "choice";
  switch (type) {
    case "boolean": return "toggle";
    case "integer": case "number": return "number";
    case "string": return schema.format === "password" || schema.writeOnly ? "secret" : "text";
    case "array": return schema.prefixItems ? "tuple" : schema.items ? "items" : "json";
    case "object": return kindOfObject(schema);
    default: return "json";
  }
}

/**
 * @param {Schema} schema
 * @returns {Kind}
 */
function kindOfObject({ properties, additionalProperties: extra }) {
  if (isObject(properties)) return "object";
  return isObject(extra) && !allowsAnything(extra) ? "mapping" : "json";
}

/**
 * Return the kind of a schema. A schema that cannot be understood is of kind "json".
 * @param {Schema | undefined} raw
 * @param {Schema} root the schema that contains the definitions
 * @returns {Described}
 */
export function describe(raw, root) {
  const known = isObject(raw) && cache.get(raw);
  if (known && known.root === root) return known.described;
  /** @type {Described} */
  let described = { kind: "json", schema: {}, nullable: false, variants: [] };
  try {
    described = read(raw, root);
  } catch { /* the schema is broken: any JSON */ }
  if (isObject(raw)) cache.set(raw, { root, described });
  return described;
}

/**
 * @param {Schema | undefined} raw
 * @param {Schema} root
 * @returns {Described}
 */
function read(raw, root) {
  const { anyOf, oneOf, ...schema } = resolve(raw, root);
  const branches = anyOf ?? oneOf;
  if (branches) return readUnion(branches, schema, root);
  /** @type {string[]} */
  const types = [schema.type ?? []].flat();
  const others = types.filter((each) => each !== "null");
  const kind = others.length > 1 ? "json" : kindOfType(schema, others[0]);
  const nullable = types.includes("null") || (kind === "choice" && Boolean(schema.enum?.includes(null)));
  return { kind, schema: { ...schema, type: others[0] }, nullable, variants: [] };
}

/**
 * @param {Schema[]} branches
 * @param {Schema} schema what stands beside them
 * @param {Schema} root
 * @returns {Described}
 */
function readUnion(branches, schema, root) {
  if (schema.format === "decimal") return { kind: "decimal", schema: { ...resolve(branches[0], root), ...schema }, nullable: false, variants: [] };
  const variants = branches.map((each) => resolve(each, root)).filter((each) => each.type !== "null");
  const nullable = variants.length < branches.length;
  if (variants.length === 1) {
    const only = describe(variants[0], root);
    if (only.kind === "const" && nullable) return { kind: "choice", schema: { ...schema, enum: [only.schema.const] }, nullable, variants: [] };
    return { ...only, schema: { ...only.schema, ...schema }, nullable: nullable || only.nullable };
  }
  if (variants.every(({ type }) => type === "integer" || type === "number")) {
    return { kind: "number", schema: { ...schema, type: "number", mixed: true }, nullable, variants: [] };
  }
  return { kind: variants.length ? "union" : "json", schema, nullable, variants };
}

/** @type {Partial<Record<Kind, (value: Json, schema: Schema) => boolean>>} */
const FITS = {
  number: (value, { type }) => isNumber(value) && (type !== "integer" || isInteger(value)),
  decimal: (value) => isNumber(value) || typeof value === "string",
  toggle: (value) => typeof value === "boolean",
  text: (value) => typeof value === "string",
  secret: (value) => typeof value === "string",
  items: (value) => Array.isArray(value),
  tuple: (value, { prefixItems }) => Array.isArray(value) && value.length === prefixItems?.length,
  object: isObject,
  mapping: isObject,
};

/**
 * Return whether the control of a kind can show `value`. A serializer may give another form than the field accepts.
 * @param {Json} value
 * @param {Described} described
 * @param {Schema} root
 */
export function fits(value, { kind, schema, nullable, variants }, root) {
  if (value === undefined) return true;
  if (value === null && ["json", "const", "choice"].includes(kind)) return true;
  if (value === null) return nullable || kind === "number"; // JSON has null for NaN and infinities
  if (kind === "union") return variantOf(value, variants, root) >= 0;
  return FITS[kind]?.(value, schema) ?? true;
}

/**
 * Return how badly a variant fits a value: 0 for well, Infinity for not at all.
 * @param {Json} value
 * @param {Schema} raw
 * @param {Schema} root
 */
function misfit(value, raw, root) {
  const described = describe(raw, root);
  const { kind, schema } = described;
  if (value === null || value === undefined || !fits(value, described, root)) return Infinity;
  /** @param {boolean} good */
  const only = (good) => (good ? 0 : Infinity);
  if (kind === "const") return only(value === schema.const);
  if (kind === "choice") return only(Boolean(schema.enum?.includes(value)));
  if (kind === "object") return misfitOfObject(value, schema, root);
  if (kind !== "json") return 0;
  if (schema.type === "array") return only(Array.isArray(value));
  return schema.type === "object" ? only(isObject(value)) : 1;
}

/**
 * @param {Record<string, Json>} value
 * @param {Schema} schema
 * @param {Schema} root
 */
function misfitOfObject(value, { properties = {}, required = [] }, root) {
  const wrong = Object.entries(properties).some(([key, each]) => {
    const { const: constant, enum: choices } = resolve(each, root);
    if (!(key in value) || (constant === undefined && !choices)) return false;
    return ![constant, ...(choices ?? [])].includes(value[key]);
  });
  if (wrong || required.some((key) => !(key in value))) return Infinity;
  const shown = Object.values(properties).filter((each) => !each.computed).length;
  const known = Object.keys(value).filter((key) => key in properties).length;
  return Object.keys(value).length - known + (shown - known) / (shown + 1);
}

/**
 * Return the index of the variant that fits `value` best, -1 if none fits.
 * @param {Json} value
 * @param {Schema[]} variants
 * @param {Schema} root
 */
export function variantOf(value, variants, root) {
  const scores = variants.map((each) => misfit(value, each, root));
  const best = Math.min(...scores);
  return best === Infinity ? -1 : scores.indexOf(best);
}

/**
 * Return the name of a variant.
 * @param {Schema} raw
 * @param {Schema} root
 */
export function variantName(raw, root) {
  const { kind, schema } = describe(raw, root);
  if (kind === "const") return String(schema.const);
  return schema.title ?? schema.format ?? TYPE_NAMES[schema.type] ?? "JSON";
}
