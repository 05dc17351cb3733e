// A control for numbers: a text field, and a slider if the schema bounds the number on both sides.

import { isNumber, number, same, Unparsed } from "../lib/json.js";
import { html } from "../vendor.js";
import { scaleOf, Slider } from "./slider.js";
import { useTypedText } from "./text-control.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { ControlProps } from "./field.js"
 */

const NUMBER = /^([+-]?)(\d[\d_]*)?(?:(\.)(\d*))?(e[+-]?\d+)?$/i;

/**
 * Return a typed number such as `.5`, `+1` or `1_000` as JSON, or null if it is none.
 * @param {string} text
 */
function asJson(text) {
  const [, sign, whole, dot, fraction, exponent] = text.trim().match(NUMBER) ?? [];
  if (sign === undefined || !(whole || fraction)) return null;
  const digits = (whole ?? "0").replaceAll("_", "").replace(/^0+(?=\d)/, "");
  return `${sign === "-" ? "-" : ""}${digits}${dot ? `.${fraction || "0"}` : ""}${exponent ?? ""}`;
}

/**
 * Return the number that the user typed, null for an empty field if the schema allows it, or `Unparsed`.
 * @param {string} text
 * @param {Schema} schema
 * @param {boolean} nullable
 */
export function readNumber(text, { type }, nullable) {
  const empty = text.trim() === "";
  if (empty && nullable) return null;
  const json = asJson(text);
  if (json === null) return new Unparsed(text, empty ? "a number is needed" : "this is not a number");
  if (type !== "integer" || /^-?\d+$/.test(json)) return number(json);
  const value = Number(json);
  return Number.isSafeInteger(value) ? value : new Unparsed(text, "a whole number is needed");
}

/**
 * Return the bounds of a number as a text: "≥ 0, < 1".
 * @param {Schema} schema
 */
export function boundsText({ minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf }) {
  return [
    minimum !== undefined && `≥ ${minimum}`, exclusiveMinimum !== undefined && `> ${exclusiveMinimum}`,
    maximum !== undefined && `≤ ${maximum}`, exclusiveMaximum !== undefined && `< ${exclusiveMaximum}`,
    multipleOf !== undefined && `multiple of ${multipleOf}`,
  ].filter(Boolean).join(", ");
}

/**
 * Return which keyboard a phone shows.
 * @param {Schema} schema
 */
function inputMode({ type, minimum = -1, exclusiveMinimum = -1 }) {
  if (minimum < 0 && exclusiveMinimum < 0) return "text"; // the numeric keyboard of some phones has no minus
  return type === "integer" ? "numeric" : "decimal";
}

/** @param {ControlProps} props */
function placeholderOf({ binding: { value }, described: { nullable } }) {
  if (value === undefined) return "not set";
  return value !== null ? "" : nullable ? "none" : "not finite";
}

/** @param {ControlProps} props */
export function NumberControl(props) {
  const { name, binding, described: { schema, nullable }, attributes } = props;
  const { live, value } = binding;
  /**
   * A field of floats takes 1 for 1.0.
   * @param {Json} one
   * @param {Json} other
   */
  const agrees = (one, other) => same(one, other)
    || (schema.type === "number" && !schema.mixed && isNumber(one) && isNumber(other) && Number(one) === Number(other));
  /** @param {string} typed */
  const read = (typed) => {
    const typedValue = readNumber(typed, schema, nullable);
    return agrees(typedValue, live) ? live : typedValue;
  };
  const { text, onInput, onBlur } = useTypedText(binding, read, (shown) => (isNumber(shown) ? String(shown) : ""), agrees);
  const scale = scaleOf(schema);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const step = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
    if (!step || schema.type !== "integer" || !isNumber(value)) return;
    event.preventDefault();
    onBlur();
    binding.set(number(String(BigInt(String(value)) + BigInt(step * (schema.multipleOf ?? 1)))));
  };
  return html`
    <input ...${attributes} type="text" class="number" inputmode=${inputMode(schema)}
      value=${text} placeholder=${placeholderOf(props)} autocomplete="off" spellcheck=${false} onInput=${onInput} onBlur=${onBlur} onKeyDown=${onKeyDown} />
    ${scale && html`<${Slider} binding=${binding} name=${name} schema=${schema} scale=${scale} />`}`;
}
