// JSON without loss. JavaScript rounds integers beyond 2^53 and takes 1.0 for 1; a Python program tells them apart.

/**
 * A JSON value. Only its schema tells its type.
 * @typedef {any} Json
 */

/** A number in the digits that it was written with. It stands where a JavaScript number would be written differently. */
export class Exact {
  /** @param {string} text the number in JSON */
  constructor(text) { this.text = text; }
  toString() { return this.text; }
  valueOf() { return Number(this.text); }
  toJSON() { return Number(this.text); }
}

/** A text that a user typed and that is not a valid value, with the reason. */
export class Unparsed {
  /**
   * @param {string} text
   * @param {string} message
   */
  constructor(text, message) {
    this.text = text;
    this.message = message;
  }
}

const MARK = `exact ${Math.random().toString(36).slice(2)} `;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

/** @param {string} text */
const isWhole = (text) => /^-?\d+$/.test(text);

/**
 * Return the number that `text` writes in JSON: a JavaScript number if that is written the same, else `Exact`.
 * @param {string} text
 * @returns {number | Exact}
 */
export function number(text) {
  const value = Number(text);
  const exact = isWhole(text) ? Number.isSafeInteger(value) : Number.isFinite(value) && !Number.isInteger(value);
  return exact ? value : new Exact(text);
}

/**
 * Return the value of a JSON text. Throws a SyntaxError as `JSON.parse` does.
 * @param {string} text
 * @returns {Json}
 */
export function parse(text) {
  JSON.parse(text); // for its error message, which names the position in the original text
  const marked = text.replace(TOKEN, (token) =>
    token[0] === '"' || !(number(token) instanceof Exact) ? token : `"${MARK}${token}"`);
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith(MARK) ? new Exact(value.slice(MARK.length)) : value);
}

/**
 * Return `value` as JSON, with every number in its original digits.
 * @param {Json} value
 * @param {number} [indent]
 * @returns {string}
 */
export function stringify(value, indent) {
  /**
   * @this {any}
   * @param {string} key
   * @param {Json} each
   */
  function mark(key, each) {
    return this[key] instanceof Exact ? MARK + this[key].text : each;
  }
  return JSON.stringify(value, mark, indent)?.replace(MARKED, "$1");
}

/**
 * @param {Json} value
 * @returns {value is number | Exact}
 */
export const isNumber = (value) => typeof value === "number" || value instanceof Exact;

/**
 * @param {Json} value
 * @returns {value is Record<string, Json>}
 */
export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Exact) && !(value instanceof Unparsed);

/**
 * Return whether a number is written as an integer: `1.0` is not.
 * @param {Json} value
 */
export const isInteger = (value) => isNumber(value) && isWhole(String(value));

/**
 * @param {number | Exact} one
 * @param {number | Exact} other
 */
function sameNumber(one, other) {
  if (isInteger(one) !== isInteger(other)) return false;
  return isInteger(one) ? BigInt(String(one)) === BigInt(String(other)) : Number(one) === Number(other);
}

/**
 * Return whether two values are the same JSON.
 * @param {Json} one
 * @param {Json} other
 * @returns {boolean}
 */
export function same(one, other) {
  if (one === other) return true;
  if (isNumber(one) && isNumber(other)) return sameNumber(one, other);
  if (one instanceof Unparsed && other instanceof Unparsed) return one.text === other.text;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, i) => same(each, other[i]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]));
}

/**
 * Return whether `test` holds for `value` or for anything inside it.
 * @param {Json} value
 * @param {(part: Json) => boolean} test
 * @returns {boolean}
 */
export const some = (value, test) =>
  test(value) || ((Array.isArray(value) || isObject(value)) && Object.values(value).some((each) => some(each, test)));
