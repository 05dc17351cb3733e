// JSON without loss: JavaScript rounds integers beyond 2^53, and takes 1.0 for 1, which a program may tell apart.

/** A number as it was written, where JavaScript's own would say something else. */
export class Exact {
  constructor(text) { this.text = text; }
  toString() { return this.text; }
  valueOf() { return Number(this.text); }
  toJSON() { return Number(this.text); }
}

/** What somebody typed that is no value, and why. */
export class Unparsed {
  constructor(text, message) { Object.assign(this, { text, message }); }
}

const MARK = `exact ${Math.random().toString(36).slice(2)} `;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

const isWhole = (text) => /^-?\d+$/.test(text);

/** Return the number that `text` writes in JSON; `Exact` where JavaScript's is another. */
export function number(text) {
  const value = Number(text);
  const exact = isWhole(text) ? Number.isSafeInteger(value) : Number.isFinite(value) && !Number.isInteger(value);
  return exact ? value : new Exact(text);
}

/** Return the value of a JSON text; throws a SyntaxError as `JSON.parse` does. */
export function parse(text) {
  JSON.parse(text); // its message names the place in the text as it is
  const marked = text.replace(TOKEN, (token) =>
    token[0] === '"' || !(number(token) instanceof Exact) ? token : `"${MARK}${token}"`);
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith(MARK) ? new Exact(value.slice(MARK.length)) : value);
}

/** Return `value` as JSON, with every number as it was written. */
export function stringify(value, indent) {
  const text = JSON.stringify(value, function mark(key, each) {
    return this[key] instanceof Exact ? MARK + this[key].text : each;
  }, indent);
  return text?.replace(MARKED, "$1");
}

export const isNumber = (value) => typeof value === "number" || value instanceof Exact;
export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Exact) && !(value instanceof Unparsed);

/** Whether a number is written as an integer: `1.0` is not. */
export const isInteger = (value) => isNumber(value) && isWhole(String(value));

function sameNumber(one, other) {
  if (isInteger(one) !== isInteger(other)) return false;
  return isInteger(one) ? BigInt(String(one)) === BigInt(String(other)) : Number(one) === Number(other);
}

/** Whether two values are the same JSON. */
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

/** Whether `test` holds for `value` or anything in it. */
export const some = (value, test) =>
  test(value) || ((Array.isArray(value) || isObject(value)) && Object.values(value).some((each) => some(each, test)));
