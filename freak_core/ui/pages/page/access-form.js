// The page without a token, or with an invalid one.

import { hasToken, storeToken } from "../dashboard/live/token.js";
import { html } from "../dashboard/vendor.js";
import { denial, retry } from "../runs/listing.js";

/** @param {Event & {target: HTMLFormElement}} event */
function enter(event) {
  event.preventDefault();
  const typed = new FormData(event.target).get("token");
  if (typeof typed !== "string" || !typed.trim()) return;
  storeToken(typed);
  retry();
}

export function AccessForm() {
  return html`<main class="denied">
    <h1>Access to the runs</h1>
    <p role="alert">${hasToken() ? `The server refuses: ${denial.value}.` : "This page needs the token of freak ui."}</p>
    <p>Open the link that <code>freak ui</code> printed, or paste it here. Running <code>freak ui</code> again prints it again.</p>
    <form onSubmit=${enter}>
      <label>Link or token<input name="token" type="password" autocomplete="off" spellcheck=${false} required autofocus /></label>
      <button class="primary">Open</button>
    </form>
  </main>`;
}
