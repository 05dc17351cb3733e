// Texts, dates, durations, decimals and secrets.

import { Unparsed } from "../lib/json.js";
import { MASK } from "./schema-kinds.js";
import { html, useState } from "../vendor.js";

/**
 * Return `[text, onInput, onBlur]` of a control that is typed in: what was typed stays as it was typed while it
 * says the place's value. `read` makes a value of a text, or `Unparsed`; `show` makes a text of a value.
 */
export function useText(place, read, show, agrees) {
  const [typed, setTyped] = useState(null);
  const kept = typed !== null && agrees(read(typed), place.value);
  const text = kept ? typed : place.value instanceof Unparsed ? place.value.text : show(place.value);
  const onInput = ({ currentTarget: { value } }) => {
    setTyped(value);
    place.set(read(value));
  };
  return [text, onInput, () => setTyped(null)];
}

const DATES = { date: "date", "date-time": "datetime-local", time: "time" };
const NAIVE = /^(\d{4}-\d\d-\d\dT)?\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/; // what such a control can hold: no zone, no microseconds
const HINTS = { duration: "PT1H30M", "date-time": "2025-01-31T12:00:00Z", uuid: "00000000-0000-0000-0000-000000000000" };

function typeOf(format, live) {
  const type = DATES[format];
  if (!type || (live && type !== "date" && !NAIVE.test(live))) return "text";
  return type;
}

const seconds = (text) => (/(^|T)\d\d:\d\d$/.test(text) ? `${text}:00` : text);

export function TextControl({ place, described: { schema, nullable }, attributes }) {
  const { format } = schema;
  const [type] = useState(() => typeOf(format, place.live));
  const value = place.value ?? "";
  const onInput = ({ currentTarget: { value: text } }) => {
    if (text === "" && format && nullable) place.set(null);
    else place.set(type === "text" || type === "date" ? text : seconds(text));
  };
  const placeholder = place.value === null ? "none" : place.value === undefined ? "not set" : HINTS[format] ?? (schema.examples?.[0] === undefined ? "empty" : String(schema.examples[0]));
  if (type === "text" && (value.includes("\n") || format === "multiline" || schema.contentMediaType)) {
    return html`<textarea ...${attributes} rows=${Math.min(12, value.split("\n").length + 1)} value=${value} placeholder=${placeholder} onInput=${onInput} />`;
  }
  return html`<input ...${attributes} type=${type} step=${type === "text" ? undefined : "any"} value=${value} placeholder=${placeholder}
    class=${format && type === "text" ? "code" : ""} spellcheck=${false} autocomplete="off" onInput=${onInput} />`;
}

export function DecimalControl({ place, described: { nullable }, attributes }) {
  const onInput = ({ currentTarget: { value: text } }) => place.set(text === "" && nullable ? null : text);
  return html`<input ...${attributes} type="text" inputmode="decimal" class="code" value=${String(place.value ?? "")}
    placeholder=${place.value === null ? "none" : ""} autocomplete="off" onInput=${onInput} />`;
}

/** A secret is never shown: empty means that it stays as it is. */
export function SecretControl({ place, described: { nullable }, attributes }) {
  const value = place.value === MASK ? "" : place.value ?? "";
  const nothing = nullable ? null : place.held ? "" : undefined;
  const onInput = ({ currentTarget: { value: text } }) => place.set(text === "" ? place.live ?? nothing : text);
  return html`<input ...${attributes} type="password" value=${value} autocomplete="new-password"
    placeholder=${place.value === MASK || place.live === MASK ? MASK : place.value === null ? "none" : "not set"} onInput=${onInput} />`;
}
