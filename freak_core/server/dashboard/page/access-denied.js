// The page without a token, or with an invalid one.

import { followRun } from "../live/event-stream.js";
import { connection, denial } from "../live/run.js";
import { hasToken, storeToken } from "../live/token.js";
import { html } from "../vendor.js";

/** @param {Event & {target: HTMLFormElement}} event */
function enter(event) {
  event.preventDefault();
  const typed = new FormData(event.target).get("token");
  if (typeof typed !== "string" || !typed.trim()) return;
  storeToken(typed);
  connection.value = "connecting";
  followRun();
}

export function AccessDenied() {
  return html`<main class="denied">
    <h1>Access to this run</h1>
    <p role="alert">${hasToken() ? `The server refuses: ${denial.value}.` : "This page needs the run's token."}</p>
    <p>Open the link that the program printed, or paste it here. <code>freak open</code> on the program's machine prints it again.</p>
    <form onSubmit=${enter}>
      <label>Link or token<input name="token" type="password" autocomplete="off" spellcheck=${false} required autofocus /></label>
      <button class="primary">Open</button>
    </form>
  </main>`;
}
