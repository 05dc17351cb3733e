// The program's actions as buttons.

import { confirmed } from "../lib/dialog.js";
import { RequestStatus, useRequest } from "../live/request-status.js";
import { resultParts } from "../live/receipt-text.js";
import { actions, writable } from "../live/run.js";
import { html, useState } from "../vendor.js";
import { argumentsOf } from "../form/arguments.js";
import { actionRoute, actionSummary, ArgumentsDialog, actionTitle } from "../form/arguments-dialog.js";

/**
 * @import { Receipt } from "../live/receipts.js"
 * @import { ActionDescription } from "../live/run.js"
 */

/** These actions have a button at the top of the page. */
const TRAINING_CONTROLS = ["checkpoint", "validate"];

/** @param {Receipt} receipt */
const resultText = ({ result }) => (result === null ? "done" : resultParts(result).map(([name, text]) => `${name}: ${text}`).join(", "));

/** @param {{name: string, action: ActionDescription}} props */
function Action({ name, action }) {
  const request = useRequest();
  const [open, setOpen] = useState(false);
  const hasArguments = argumentsOf(action).length > 0;
  const title = actionTitle(name);
  async function press() {
    if (hasArguments) setOpen(true);
    else if (!action.confirm || (await confirmed(`${title}?`, actionSummary(action) || "This cannot be undone.", title))) {
      request.ask("POST", actionRoute(name), {});
    }
  }
  return html`<li>
    <div>
      <button type="button" class=${action.confirm ? "danger" : ""} disabled=${!writable.value || request.busy} onClick=${press}>
        ${title}${(hasArguments || action.confirm) && "…"}
      </button>
      <p>${actionSummary(action)}</p>
    </div>
    <${RequestStatus} request=${request} done=${resultText} />
    ${open && html`<${ArgumentsDialog} ...${{ name, action, request }} onClose=${() => setOpen(false)} />`}
  </li>`;
}

const programActions = () => Object.entries(actions.value).filter(([name]) => !TRAINING_CONTROLS.includes(name));

/** Return whether the program has actions besides the training's controls. */
export const hasActions = () => programActions().length > 0;

export function Actions() {
  if (!hasActions()) return null;
  return html`<section class="actions" aria-labelledby="actions-title">
    <h2 id="actions-title">Actions</h2>
    <ul>${programActions().map(([name, action]) => html`<${Action} key=${name} name=${name} action=${action} />`)}</ul>
  </section>`;
}
