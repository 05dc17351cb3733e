// Numbers: always a field; a slider too where the schema bounds them on both sides.

import { useText } from "./text-control.js";
import { isNumber, number, same, Unparsed } from "../lib/json.js";
import { html } from "../vendor.js";

const NUMBER = /^([+-]?)(\d[\d_]*)?(?:(\.)(\d*))?(e[+-]?\d+)?$/i;
const TICKS = 1000; // of a slider
const DECADES = 1000; // highest over lowest, from which on a slider is logarithmic

/** Return the number that somebody typed, as JSON would have it, or null. */
function written(text) {
  const [, sign, whole, dot, fraction, exponent] = text.trim().match(NUMBER) ?? [];
  if (sign === undefined || !(whole || fraction)) return null;
  const digits = (whole ?? "0").replaceAll("_", "").replace(/^0+(?=\d)/, "");
  return `${sign === "-" ? "-" : ""}${digits}${dot ? `.${fraction || "0"}` : ""}${exponent ?? ""}`;
}

function read(text, { type }, nullable) {
  if (text.trim() === "" && nullable) return null;
  const json = written(text);
  if (json === null) return new Unparsed(text, text.trim() === "" ? "a number is needed" : "this is not a number");
  if (type !== "integer") return number(json);
  const value = Number(json);
  if (/^-?\d+$/.test(json)) return number(json);
  return Number.isSafeInteger(value) ? value : new Unparsed(text, "a whole number is needed");
}

/**
 * Return `{low, high, log, zero, step}` of a slider, or null where the schema does not bound it on both sides.
 * A logarithmic one starts at `low`, or with `zero` at 0, which no logarithm has.
 */
export function scaleOf({ minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf, type, scale }) {
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  if (low === undefined || high === undefined || !(low < high) || !Number.isFinite(high - low)) return null;
  if (type === "integer") {
    const [first, last] = [minimum ?? low + 1, maximum ?? high - 1];
    const log = first > 0 && last / first >= DECADES;
    return log ? { low: first, high: last, log, step: 1 } : { low: first, high: last, step: multipleOf ?? Math.max(1, Math.round((last - first) / TICKS)) };
  }
  const open = low === 0 && minimum === undefined; // over zero, by any factor: as rates are
  const log = (scale === "log" && low >= 0) || (low > 0 && high / low >= DECADES) || open;
  return log ? { low: low > 0 ? low : high * 1e-6, high, log, zero: minimum === 0 } : { low, high };
}

function Slider({ place, name, schema, scale }) {
  const { low, high, log, zero, step } = scale;
  const now = isNumber(place.value) ? Number(place.value) : low;
  const span = Math.log(high / low);
  const position = log ? TICKS * Math.log(Math.max(now, low) / low) / span : now;
  const at = (tick) => {
    if (tick === 0 && zero) return 0;
    const value = Number((low * Math.exp((span * tick) / TICKS)).toPrecision(3));
    return step ? Math.round(value) : Math.min(value, high);
  };
  const onInput = ({ currentTarget }) => {
    const value = log ? at(currentTarget.valueAsNumber) : step ? currentTarget.valueAsNumber : Number(currentTarget.valueAsNumber.toPrecision(6));
    place.set(isNumber(place.live) && Number(place.live) === value ? place.live : value);
  };
  return html`<input type="range" aria-label="${name}, slider" aria-valuetext=${place.value === null ? "none" : String(place.value ?? "")}
    min=${log ? 0 : low} max=${log ? TICKS : high} step=${log ? 1 : step ?? "any"} value=${position} onInput=${onInput}
    title=${`${zero ? 0 : low} … ${high}${log ? ", logarithmic" : ""}${schema.unit ? ` ${schema.unit}` : ""}`} />`;
}

/** Say in words what the schema allows. */
export function boundsOf({ minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf }) {
  return [
    minimum !== undefined && `≥ ${minimum}`, exclusiveMinimum !== undefined && `> ${exclusiveMinimum}`,
    maximum !== undefined && `≤ ${maximum}`, exclusiveMaximum !== undefined && `< ${exclusiveMaximum}`,
    multipleOf !== undefined && `multiple of ${multipleOf}`,
  ].filter(Boolean).join(", ");
}

export function NumberControl({ name, place, described: { schema, nullable }, attributes }) {
  // Where only floats are meant, 1 says 1.0.
  const agrees = (one, other) => same(one, other)
    || (schema.type === "number" && !schema.mixed && isNumber(one) && isNumber(other) && Number(one) === Number(other));
  const understood = (text) => {
    const value = read(text, schema, nullable);
    return agrees(value, place.live) ? place.live : value;
  };
  const [text, onInput, onBlur] = useText(place, understood, (value) => (isNumber(value) ? String(value) : ""), agrees);
  const scale = scaleOf(schema);
  const onKeyDown = (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || schema.type !== "integer" || !isNumber(place.value)) return;
    event.preventDefault();
    onBlur();
    place.set(number(String(BigInt(String(place.value)) + BigInt(step * (schema.multipleOf ?? 1)))));
  };
  const signed = !(schema.minimum >= 0 || schema.exclusiveMinimum >= 0);
  const placeholder = place.value === null ? (nullable ? "none" : "not finite") : place.value === undefined ? "not set" : "";
  return html`
    <input ...${attributes} type="text" class="number" inputmode=${signed ? "text" : schema.type === "integer" ? "numeric" : "decimal"}
      value=${text} placeholder=${placeholder} autocomplete="off" spellcheck=${false} onInput=${onInput} onBlur=${onBlur} onKeyDown=${onKeyDown} />
    ${scale && html`<${Slider} place=${place} name=${name} schema=${schema} scale=${scale} />`}`;
}

