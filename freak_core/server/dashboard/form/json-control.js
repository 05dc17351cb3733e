// Any value as JSON text: for what has no control of its own, so that nothing is ever blank.

import { useText } from "./text-control.js";
import { parse, same, stringify, Unparsed } from "../lib/json.js";
import { GONE } from "./merge-patch.js";
import { html } from "../vendor.js";

function read(text) {
  try {
    return parse(text);
  } catch (error) {
    return new Unparsed(text, text.trim() ? `this is not JSON: ${error.message}` : "JSON is needed; a text needs quotes");
  }
}

const show = (value) => (value === undefined || value === GONE ? "" : stringify(value, typeof value === "object" ? 2 : 0));

export function JsonControl({ place, attributes }) {
  const [text, onInput, onBlur] = useText(place, read, show, same);
  return html`<textarea ...${attributes} class="code" spellcheck=${false} autocomplete="off" rows=${Math.min(16, text.split("\n").length)}
    placeholder=${place.value === undefined ? "not shown; JSON sets it" : ""} value=${text} onInput=${onInput} onBlur=${onBlur} />`;
}
