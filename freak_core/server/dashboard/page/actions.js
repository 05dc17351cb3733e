// The actions as buttons, with their arguments in a dialog.

import { Arguments, argumentsOf, read } from "../form/arguments.js";
import { Dialog, confirmed } from "../lib/dialog.js";
import { Outcome, useRequest } from "../live/request.js";
import { actions, writable } from "../live/run.js";
import { html, useRef, useState } from "../vendor.js";
import { parts, reasons } from "../live/receipt-text.js";

/** Those that have a place of their own among the controls. */
export const CONTROLS = ["checkpoint", "validate"];

/** Return an action's name as a person reads it. */
export const spoken = (name) => {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

/** Return the description's first paragraph. */
export const summary = ({ description }) => (description ?? "").split(/\n\s*\n/)[0].replaceAll("\n", " ");

/** Return the route that calls an action. */
export const route = (name) => `actions/${encodeURIComponent(name)}`;

const resultOf = (receipt) => (receipt.result === null ? "done" : parts(receipt.result).map(([what, text]) => `${what}: ${text}`).join(", "));

/** A dialog with an action's arguments. */
export function ArgumentsDialog({ name, action, request, onClose }) {
  const [problem, setProblem] = useState(null);
  const known = argumentsOf(action);
  const form = useRef(null);
  async function call() {
    let body;
    try {
      body = read(form.current, known);
    } catch (error) {
      setProblem({ errors: [{ path: error.path, message: error.message }] });
      return;
    }
    const answer = await request.ask("POST", route(name), body);
    if (answer.ok) onClose();
    else setProblem(answer.problem);
  }
  const submit = (event) => {
    event.preventDefault();
    if (!action.confirm) call(); // Enter in a field is no answer to a question
  };
  const errors = problem?.errors ?? [];
  const elsewhere = problem && !known.some((argument) => errors.some(({ path }) => path?.startsWith(`/${argument.name}`)));
  return html`<${Dialog} title=${spoken(name)} onClose=${onClose}>
    <form ref=${form} onSubmit=${submit} novalidate>
      <p>${summary(action)}</p>
      <${Arguments} known=${known} errors=${errors} />
      ${elsewhere && html`<p class="outcome bad" role="alert">${reasons(problem)}</p>`}
      <div class="buttons">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type=${action.confirm ? "button" : "submit"} class=${action.confirm ? "danger" : "primary"} onClick=${action.confirm && call} disabled=${!writable.value || request.busy}>${spoken(name)}</button>
      </div>
    </form>
  </${Dialog}>`;
}

function Action({ name, action }) {
  const request = useRequest();
  const [open, setOpen] = useState(false);
  const known = argumentsOf(action);
  async function press() {
    if (known.length) setOpen(true);
    else if (!action.confirm || (await confirmed(`${spoken(name)}?`, summary(action) || "This cannot be undone.", spoken(name)))) {
      request.ask("POST", route(name), {});
    }
  }
  return html`<li>
    <div>
      <button type="button" class=${action.confirm ? "danger" : ""} disabled=${!writable.value || request.busy} onClick=${press}>
        ${spoken(name)}${(known.length > 0 || action.confirm) && "…"}
      </button>
      <p>${summary(action)}</p>
    </div>
    <${Outcome} request=${request} done=${resultOf} />
    ${open && html`<${ArgumentsDialog} ...${{ name, action, request }} onClose=${() => setOpen(false)} />`}
  </li>`;
}

const others = () => Object.entries(actions.value).filter(([name]) => !CONTROLS.includes(name));

/** Whether there are actions besides the controls. */
export const hasOthers = () => others().length > 0;

export function Actions() {
  if (!hasOthers()) return null;
  return html`<section class="actions" aria-labelledby="actions-title">
    <h2 id="actions-title">Actions</h2>
    <ul>${others().map(([name, action]) => html`<${Action} key=${name} name=${name} action=${action} />`)}</ul>
  </section>`;
}
