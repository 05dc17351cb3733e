// JSON schemas, as pydantic writes them.

import { isObject } from "./json.js";

/** @import { Json } from "./json.js" */

/**
 * A JSON schema. `computed` marks a computed field; `unit`, `scale` and `mixed` (integers and floats) are hints for controls.
 * @typedef {object} Schema
 * @property {string} [$ref]
 * @property {Record<string, Schema>} [$defs]
 * @property {Schema[]} [allOf]
 * @property {Schema[]} [anyOf]
 * @property {Schema[]} [oneOf]
 * @property {any} [type] a string or an array of strings
 * @property {Json} [const]
 * @property {Json[]} [enum]
 * @property {Json} [default]
 * @property {string} [title]
 * @property {string} [description]
 * @property {Json[]} [examples]
 * @property {string} [format]
 * @property {string} [contentMediaType]
 * @property {boolean} [readOnly]
 * @property {boolean} [writeOnly]
 * @property {boolean} [deprecated]
 * @property {Record<string, Schema>} [properties]
 * @property {boolean | Schema} [additionalProperties]
 * @property {string[]} [required]
 * @property {Schema[]} [prefixItems]
 * @property {Schema} [items]
 * @property {number} [minItems]
 * @property {number} [maxItems]
 * @property {number} [maxLength]
 * @property {number} [minimum]
 * @property {number} [exclusiveMinimum]
 * @property {number} [maximum]
 * @property {number} [exclusiveMaximum]
 * @property {number} [multipleOf]
 * @property {boolean} [computed]
 * @property {string} [unit]
 * @property {string} [scale] "log" for a logarithmic slider
 * @property {boolean} [mixed]
 */

const MOST_HOPS = 32;

/**
 * Return `raw` with its `$ref` replaced by the definition in `root`. Keywords beside the `$ref` take precedence.
 * @param {Schema | boolean | undefined} raw
 * @param {Schema} root
 * @returns {Schema}
 */
export function resolve(raw, root) {
  let found = /** @type {Schema} */ (isObject(raw) ? raw : {});
  for (let hops = 0; hops < MOST_HOPS && (found.$ref || found.allOf?.length === 1); hops++) {
    const { $ref, allOf, ...beside } = found;
    const target = $ref ? definition($ref, root) : allOf?.[0];
    found = { ...target, ...beside };
  }
  return found;
}

/**
 * @param {string} ref such as `#/$defs/Model`
 * @param {Schema} root
 * @returns {Schema}
 */
const definition = (ref, root) =>
  ref.split("/").slice(1).reduce((at, key) => at?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")], /** @type {any} */ (root));
