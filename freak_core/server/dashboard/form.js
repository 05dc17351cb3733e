// The state as a form, made from its JSON schema.

import { revision, state } from "./run.js";
import { html } from "./vendor.js";

export function StateForm() {
  return html`<section aria-labelledby="state-title">
    <h2 id="state-title">State <small>revision ${revision.value}</small></h2>
    <pre tabindex="0">${JSON.stringify(state.value, null, 2)}</pre>
  </section>`;
}
