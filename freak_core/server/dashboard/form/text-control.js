// Controls for texts, dates, times, decimals and secrets.

import { Unparsed } from "../lib/json.js";
import { MASK } from "../live/secret-mask.js";
import { html, useState } from "../vendor.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Binding } from "./binding.js"
 * @import { ControlProps } from "./field.js"
 */

/** @typedef {{currentTarget: {value: string}}} InputEvent */

/**
 * Return `{text, onInput, onBlur}` of a control with typed text. The text stays as the user typed it while it means the
 * binding's value: `1e-3` does not become `0.001`.
 * @param {Binding} binding
 * @param {(text: string) => Json} read returns the value of a text, or `Unparsed`
 * @param {(value: Json) => string} show returns the text of a value
 * @param {(one: Json, other: Json) => boolean} agrees whether two values mean the same
 */
export function useTypedText(binding, read, show, agrees) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const kept = typed !== null && agrees(read(typed), binding.value);
  const text = kept ? typed : binding.value instanceof Unparsed ? binding.value.text : show(binding.value);
  /** @param {InputEvent} event */
  const onInput = ({ currentTarget: { value } }) => {
    setTyped(value);
    binding.set(read(value));
  };
  return { text, onInput, onBlur: () => setTyped(null) };
}

/** @type {Record<string, string>} */
const INPUT_TYPES = { date: "date", "date-time": "datetime-local", time: "time" };
/** What the browser's control for times can hold: no time zone, no microseconds. */
const LOCAL_TIME = /^(\d{4}-\d\d-\d\dT)?\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/;
/** @type {Record<string, string>} */
const PLACEHOLDERS = { duration: "PT1H30M", "date-time": "2025-01-31T12:00:00Z", uuid: "00000000-0000-0000-0000-000000000000" };

/**
 * @param {string} format
 * @param {Json} live
 */
function inputType(format, live) {
  const type = INPUT_TYPES[format];
  return !type || (live && type !== "date" && !LOCAL_TIME.test(live)) ? "text" : type;
}

/**
 * Add the seconds that the browser leaves out.
 * @param {string} text
 */
const withSeconds = (text) => (/(^|T)\d\d:\d\d$/.test(text) ? `${text}:00` : text);

/** @param {ControlProps} props */
function placeholderOf({ binding: { value }, described: { schema: { format = "", examples } } }) {
  if (value === null) return "none";
  if (value === undefined) return "not set";
  return PLACEHOLDERS[format] ?? (examples?.[0] === undefined ? "empty" : String(examples[0]));
}

/** @param {ControlProps} props */
export function TextControl(props) {
  const { binding, described: { schema, nullable }, attributes } = props;
  const { format = "" } = schema;
  const [type] = useState(() => inputType(format, binding.live));
  const value = binding.value ?? "";
  /** @param {InputEvent} event */
  const onInput = ({ currentTarget: { value: text } }) => {
    if (text === "" && format && nullable) binding.set(null);
    else binding.set(type === "text" || type === "date" ? text : withSeconds(text));
  };
  const placeholder = placeholderOf(props);
  if (type === "text" && (value.includes("\n") || format === "multiline" || schema.contentMediaType)) {
    return html`<textarea ...${attributes} rows=${Math.min(12, value.split("\n").length + 1)} value=${value} placeholder=${placeholder} onInput=${onInput} />`;
  }
  return html`<input ...${attributes} type=${type} step=${type === "text" ? undefined : "any"} value=${value} placeholder=${placeholder}
    class=${format && type === "text" ? "code" : ""} spellcheck=${false} autocomplete="off" onInput=${onInput} />`;
}

/** @param {ControlProps} props */
export function DecimalControl({ binding, described: { nullable }, attributes }) {
  /** @param {InputEvent} event */
  const onInput = ({ currentTarget: { value: text } }) => binding.set(text === "" && nullable ? null : text);
  return html`<input ...${attributes} type="text" inputmode="decimal" class="code" value=${String(binding.value ?? "")}
    placeholder=${binding.value === null ? "none" : ""} autocomplete="off" onInput=${onInput} />`;
}

/**
 * A secret is never shown. An empty field leaves it unchanged.
 * @param {ControlProps} props
 */
export function SecretControl({ binding, described: { nullable }, attributes }) {
  const { live, nested } = binding;
  const value = binding.value === MASK ? "" : binding.value ?? "";
  const empty = nullable ? null : nested ? "" : undefined;
  /** @param {InputEvent} event */
  const onInput = ({ currentTarget: { value: text } }) => binding.set(text === "" ? live ?? empty : text);
  return html`<input ...${attributes} type="password" value=${value} autocomplete="new-password"
    placeholder=${binding.value === MASK || live === MASK ? MASK : binding.value === null ? "none" : "not set"} onInput=${onInput} />`;
}
