// What a JSON schema says of a value: which control fits, which variant it is, what a new one starts from.

import { Exact, isInteger, isNumber, isObject } from "../lib/json.js";

export const MASK = "**********";
const DEEPEST = 8; // of what a new value is made of: a schema may contain itself
const NAMES = { integer: "whole number", number: "number", string: "text", boolean: "yes or no", array: "list", object: "object" };

const descriptions = new WeakMap(); // a form is drawn at every key typed

/** Return `raw` with its `$ref` looked up in `root`; what stands beside the `$ref` goes first. */
export function resolve(raw, root) {
  let found = isObject(raw) ? raw : {};
  for (let hops = 0; hops < 32 && (found.$ref || found.allOf?.length === 1); hops++) {
    const { $ref, allOf, ...beside } = found;
    const target = $ref ? $ref.split("/").slice(1).reduce((at, key) => at?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")], root) : allOf[0];
    found = { ...target, ...beside };
  }
  return found;
}

function kindOfType(schema, type) {
  if ("const" in schema) return "const";
  if (Array.isArray(schema.enum)) return "choice";
  if (type === "boolean") return "toggle";
  if (type === "integer" || type === "number") return "number";
  if (type === "string") return schema.format === "password" || schema.writeOnly ? "secret" : "text";
  if (type === "array") return schema.prefixItems ? "tuple" : schema.items ? "items" : "json";
  if (type !== "object") return "json";
  if (isObject(schema.properties)) return "object";
  return isObject(schema.additionalProperties) && Object.keys(schema.additionalProperties).length ? "mapping" : "json";
}

/**
 * Return `{kind, schema, nullable, variants}` of a schema: the kind of control, the schema without null and
 * references, whether null is allowed, and for a union its variants. What makes no sense is any JSON.
 */
export function describe(raw, root) {
  const known = isObject(raw) && descriptions.get(raw);
  if (known && known.root === root) return known.described;
  let described = { kind: "json", schema: {}, nullable: false };
  try {
    described = read(raw, root);
  } catch { /* any JSON */ }
  if (isObject(raw)) descriptions.set(raw, { root, described });
  return described;
}

function read(raw, root) {
  const { anyOf, oneOf, ...schema } = resolve(raw, root);
  const branches = anyOf ?? oneOf;
  if (!branches) {
    const types = [].concat(schema.type ?? []);
    const type = types.find((each) => each !== "null");
    const kind = types.filter((each) => each !== "null").length > 1 ? "json" : kindOfType(schema, type);
    return { kind, schema: { ...schema, type }, nullable: types.includes("null") || (kind === "choice" && schema.enum.includes(null)) };
  }
  if (schema.format === "decimal") return { kind: "decimal", schema: { ...resolve(branches[0], root), ...schema }, nullable: false };
  const variants = branches.map((each) => resolve(each, root)).filter((each) => each.type !== "null");
  const nullable = variants.length < branches.length;
  if (variants.length === 1) {
    const inner = describe(variants[0], root);
    if (inner.kind === "const" && nullable) return { kind: "choice", schema: { ...schema, enum: [inner.schema.const] }, nullable };
    return { ...inner, schema: { ...inner.schema, ...schema }, nullable: nullable || inner.nullable };
  }
  if (variants.every(({ type }) => type === "integer" || type === "number")) {
    return { kind: "number", schema: { ...schema, type: "number", mixed: true }, nullable };
  }
  return { kind: variants.length ? "union" : "json", schema, nullable, variants };
}

const FITS = {
  number: (value, { type }) => isNumber(value) && (type !== "integer" || isInteger(value)),
  decimal: (value) => isNumber(value) || typeof value === "string",
  toggle: (value) => typeof value === "boolean",
  text: (value) => typeof value === "string",
  secret: (value) => typeof value === "string",
  items: (value) => Array.isArray(value),
  tuple: (value, { prefixItems }) => Array.isArray(value) && value.length === prefixItems.length,
  object: isObject,
  mapping: isObject,
};

/** Whether the control of a kind can show `value`. A serializer may show another form than its field takes. */
export function fits(value, { kind, schema, nullable, variants }, root) {
  if (value === undefined || kind === "json" || kind === "const" || kind === "choice") return true;
  if (value === null) return nullable || kind === "number"; // NaN and the infinities are shown as null
  if (kind === "union") return variantOf(value, variants, root) >= 0;
  return FITS[kind](value, schema);
}

function misfit(value, raw, root) {
  const described = describe(raw, root);
  const { kind, schema } = described;
  if (value === null || value === undefined || !fits(value, described, root)) return Infinity;
  if (kind === "const") return value === schema.const ? 0 : Infinity;
  if (kind === "choice") return schema.enum.includes(value) ? 0 : Infinity;
  if (kind === "json" && schema.type === "array") return Array.isArray(value) ? 0 : Infinity;
  if (kind === "json" && schema.type === "object") return isObject(value) ? 0 : Infinity;
  if (kind === "json") return 1;
  if (kind !== "object") return 0;
  const properties = schema.properties;
  const wrong = Object.entries(properties).some(([key, each]) => {
    const { const: only, enum: several } = resolve(each, root);
    return key in value && (only !== undefined || several) && ![only, ...(several ?? [])].includes(value[key]);
  });
  if (wrong || (schema.required ?? []).some((key) => !(key in value))) return Infinity;
  const shown = Object.values(properties).filter((each) => !each.computed).length;
  const known = Object.keys(value).filter((key) => key in properties).length;
  return Object.keys(value).length - known + (shown - known) / (shown + 1);
}

/** Return the position of the variant that `value` is, -1 for none. */
export function variantOf(value, variants, root) {
  const scores = variants.map((each) => misfit(value, each, root));
  const best = Math.min(...scores);
  return best === Infinity ? -1 : scores.indexOf(best);
}

/** Return what to call a variant. */
export function nameOf(raw, root) {
  const { kind, schema } = describe(raw, root);
  if (kind === "const") return String(schema.const);
  return schema.title ?? schema.format ?? NAMES[schema.type] ?? "JSON";
}

const clock = (length) => new Date(Date.now() - new Date().getTimezoneOffset() * 60e3).toISOString().slice(0, length);
const texts = {
  date: () => clock(10),
  "date-time": () => clock(19),
  time: () => "00:00:00",
  duration: () => "PT0S",
  uuid: () => "00000000-0000-0000-0000-000000000000",
};

function lowest({ minimum, exclusiveMinimum, maximum, type }) {
  if (minimum !== undefined && minimum > 0) return minimum;
  if (exclusiveMinimum !== undefined && exclusiveMinimum >= 0) return type === "integer" ? exclusiveMinimum + 1 : maximum ?? exclusiveMinimum + 1;
  return maximum !== undefined && maximum < 0 ? maximum : 0;
}

/** Return a value to start from where there was none. */
export function initial(raw, root, depth = 0) {
  const { kind, schema, nullable, variants } = describe(raw, root);
  if (schema.default !== undefined && schema.default !== MASK && (schema.default !== null || depth > 0)) return structuredClone(schema.default);
  if (depth > DEEPEST || (nullable && depth > 0)) return null;
  switch (kind) {
    case "const": return schema.const;
    case "choice": return schema.enum[0];
    case "toggle": return false;
    case "number": return lowest(schema);
    case "decimal": return String(lowest(schema));
    case "text": case "secret": return texts[schema.format]?.() ?? "";
    case "items": return Array.from({ length: schema.minItems ?? 0 }, () => initial(schema.items, root, depth + 1));
    case "tuple": return schema.prefixItems.map((each) => initial(each, root, depth + 1));
    case "mapping": return {};
    case "union": return initial(variants[0], root, depth);
    case "object": return Object.fromEntries(Object.entries(schema.properties)
      .filter(([key, each]) => !each.computed && (schema.required?.includes(key) || (each.default !== undefined && each.default !== MASK)))
      .map(([key, each]) => [key, initial(each, root, depth + 1)]));
    default: return schema.type === "array" ? [] : schema.type === "object" ? {} : null;
  }
}

/** Return the schema of what is at `key` in a value that `raw` describes. */
export function inner(raw, key, value, root) {
  const { kind, schema, variants } = describe(raw, root);
  if (kind === "union") {
    const variant = variantOf(value, variants, root);
    return variant < 0 ? {} : inner(variants[variant], key, value, root);
  }
  const given = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
  return given ?? schema.prefixItems?.[key] ?? schema.items ?? (isObject(schema.additionalProperties) ? schema.additionalProperties : {});
}

/** Return `value` with every part of it replaced by `change(part, described)`, parts left out where that is undefined. */
export function changed(value, raw, root, change) {
  const made = change(value, describe(raw, root));
  if (made !== value || typeof value !== "object" || value === null || value instanceof Exact) return made;
  const within = (each, key) => changed(each, inner(raw, key, value, root), root, change);
  if (Array.isArray(value)) return value.map(within);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, within(each, key)]).filter(([, each]) => each !== undefined));
}
