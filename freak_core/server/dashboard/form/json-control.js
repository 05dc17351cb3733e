// A control for any value, as JSON text. It is used where no other control fits.

import { parse, same, stringify, Unparsed } from "../lib/json.js";
import { html } from "../vendor.js";
import { REMOVED } from "./merge-patch.js";
import { useTypedText } from "./text-control.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { ControlProps } from "./field.js"
 */

/** @param {string} text */
function read(text) {
  try {
    return parse(text);
  } catch (error) {
    return new Unparsed(text, text.trim() ? `this is not JSON: ${/** @type {Error} */ (error).message}` : "JSON is needed; a text needs quotes");
  }
}

/** @param {Json} value */
const show = (value) => (value === undefined || value === REMOVED ? "" : stringify(value, typeof value === "object" ? 2 : 0));

/** @param {Pick<ControlProps, "binding" | "attributes">} props */
export function JsonControl({ binding, attributes }) {
  const { text, onInput, onBlur } = useTypedText(binding, read, show, same);
  return html`<textarea ...${attributes} class="code" spellcheck=${false} autocomplete="off" rows=${Math.min(16, text.split("\n").length)}
    placeholder=${binding.value === undefined ? "not shown; JSON sets it" : ""} value=${text} onInput=${onInput} onBlur=${onBlur} />`;
}
