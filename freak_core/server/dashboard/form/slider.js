// A slider for a number that its schema bounds on both sides.

import { isNumber } from "../lib/json.js";
import { html } from "../vendor.js";

/**
 * @import { Schema } from "../lib/json-schema.js"
 * @import { Binding } from "./binding.js"
 */

/**
 * @typedef {object} Scale
 * @property {number} low
 * @property {number} high
 * @property {boolean} log whether the slider is logarithmic
 * @property {boolean} zero whether the lower end of a logarithmic slider means 0, which has no logarithm
 * @property {number | null} step of integers; null for any number
 */

const POSITIONS = 1000;
const LOG_FROM = 1000; // a slider whose highest number is so many times the lowest is logarithmic

/**
 * Return the scale of a slider, or null if the schema does not bound the number on both sides.
 * @param {Schema} schema
 * @returns {Scale | null}
 */
export function scaleOf(schema) {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, type } = schema;
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  if (low === undefined || high === undefined || !(low < high) || !Number.isFinite(high - low)) return null;
  return type === "integer" ? integerScale(schema, minimum ?? low + 1, maximum ?? high - 1) : floatScale(schema, low, high);
}

/**
 * @param {Schema} schema
 * @param {number} low
 * @param {number} high
 * @returns {Scale}
 */
function integerScale({ multipleOf }, low, high) {
  const log = low > 0 && high / low >= LOG_FROM;
  return { low, high, log, zero: false, step: log ? 1 : multipleOf ?? Math.max(1, Math.round((high - low) / POSITIONS)) };
}

/**
 * @param {Schema} schema
 * @param {number} low
 * @param {number} high
 * @returns {Scale}
 */
function floatScale({ minimum, scale }, low, high) {
  const aboveZero = low === 0 && minimum === undefined; // a rate, which may be any power of ten
  const log = (scale === "log" && low >= 0) || (low > 0 && high / low >= LOG_FROM) || aboveZero;
  return log ? { low: low > 0 ? low : high * 1e-6, high, log, zero: minimum === 0, step: null } : { low, high, log, zero: false, step: null };
}

/**
 * Return the number at a position of the slider.
 * @param {number} position
 * @param {Scale} scale
 */
export function numberAt(position, { low, high, log, zero, step }) {
  if (!log) return step ? position : Number(position.toPrecision(6));
  if (position === 0 && zero) return 0;
  const value = Number((low * (high / low) ** (position / POSITIONS)).toPrecision(3));
  return step ? Math.round(value) : Math.min(value, high);
}

/**
 * Return the position of a number on the slider.
 * @param {number} number
 * @param {Scale} scale
 */
export const positionOf = (number, { low, high, log }) =>
  (log ? POSITIONS * Math.log(Math.max(number, low) / low) / Math.log(high / low) : number);

/** @param {{binding: Binding, name: string, schema: Schema, scale: Scale}} props */
export function Slider({ binding, name, schema, scale }) {
  const { low, high, log, zero, step } = scale;
  const { value, live } = binding;
  /** @param {{currentTarget: HTMLInputElement}} event */
  const onInput = ({ currentTarget }) => {
    const number = numberAt(currentTarget.valueAsNumber, scale);
    binding.set(isNumber(live) && Number(live) === number ? live : number);
  };
  return html`<input type="range" aria-label="${name}, slider" aria-valuetext=${value === null ? "none" : String(value ?? "")}
    min=${log ? 0 : low} max=${log ? POSITIONS : high} step=${log ? 1 : step ?? "any"} value=${positionOf(isNumber(value) ? Number(value) : low, scale)} onInput=${onInput}
    title=${`${zero ? 0 : low} … ${high}${log ? ", logarithmic" : ""}${schema.unit ? ` ${schema.unit}` : ""}`} />`;
}
