// The actions as buttons.

import { send } from "./api.js";
import { actions, takeReceipts, writable } from "./run.js";
import { html } from "./vendor.js";

async function callAction(name) {
  const { receipt } = await send("POST", `actions/${encodeURIComponent(name)}`, {}, { wait: 30 });
  if (receipt) takeReceipts([receipt]);
}

export function Actions() {
  return html`<section aria-labelledby="actions-title">
    <h2 id="actions-title">Actions</h2>
    ${Object.entries(actions.value).map(([name, action]) => html`
      <button key=${name} title=${action.description} disabled=${!writable.value} onClick=${() => callAction(name)}>${name}</button>`)}
  </section>`;
}
