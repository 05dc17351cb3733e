// The dialog that asks for an action's arguments and calls it.

import { Dialog } from "../lib/dialog.js";
import { reasons } from "../live/receipt-text.js";
import { writable } from "../live/run.js";
import { html, useRef, useState } from "../vendor.js";
import { ArgumentError, Arguments, argumentsOf, readArguments } from "./arguments.js";

/**
 * @import { Problem } from "../live/api.js"
 * @import { ButtonRequest } from "../live/request-status.js"
 * @import { ActionDescription } from "../live/run.js"
 */

/**
 * Return an action's name as the text of a button: `save_now` is "Save now".
 * @param {string} name
 */
export const actionTitle = (name) => {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

/**
 * Return the first paragraph of an action's description.
 * @param {ActionDescription} action
 */
export const actionSummary = ({ description }) => (description ?? "").split(/\n\s*\n/)[0].replaceAll("\n", " ");

/**
 * Return the route that calls an action.
 * @param {string} name
 */
export const actionRoute = (name) => `actions/${encodeURIComponent(name)}`;

/** @param {{name: string, action: ActionDescription, request: ButtonRequest, onClose: () => void}} props */
export function ArgumentsDialog({ name, action, request, onClose }) {
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const known = argumentsOf(action);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  async function call() {
    if (!form.current) return;
    try {
      const answer = await request.ask("POST", actionRoute(name), readArguments(form.current, known));
      if (answer.ok) onClose();
      else setProblem(answer.problem);
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      setProblem({ errors: [{ path: error.path, message: error.message }] });
    }
  }
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    if (!action.confirm) call(); // an action that needs a confirmation needs a click: Enter in a field is none
  };
  const errors = problem?.errors ?? [];
  const atNoField = problem && !known.some((argument) => errors.some(({ path }) => path?.startsWith(`/${argument.name}`)));
  const title = actionTitle(name);
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form ref=${form} onSubmit=${submit} novalidate>
      <p>${actionSummary(action)}</p>
      <${Arguments} known=${known} errors=${errors} />
      ${atNoField && html`<p class="outcome bad" role="alert">${reasons(problem)}</p>`}
      <div class="buttons">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type=${action.confirm ? "button" : "submit"} class=${action.confirm ? "danger" : "primary"} onClick=${action.confirm && call} disabled=${!writable.value || request.busy}>${title}</button>
      </div>
    </form>
  </${Dialog}>`;
}
