// The page for who has no token, or a wrong one.

import { followRun } from "../live/event-stream.js";
import { connection, denial } from "../live/run.js";
import { hasToken, keepToken } from "../live/token.js";
import { html } from "../vendor.js";

function enter(event) {
  event.preventDefault();
  const typed = event.target.elements.token.value;
  if (!typed.trim()) return;
  keepToken(typed);
  connection.value = "connecting";
  followRun();
}

export function Denied() {
  const known = hasToken();
  return html`<main class="denied">
    <h1>Access to this run</h1>
    <p role="alert">${known ? `The server refuses: ${denial.value}.` : "This page needs the run's token."}</p>
    <p>Open the link that the program printed, or paste it here. <code>freak open</code> on the program's machine prints it again.</p>
    <form onSubmit=${enter}>
      <label>Link or token<input name="token" type="password" autocomplete="off" spellcheck=${false} required autofocus /></label>
      <button class="primary">Open</button>
    </form>
  </main>`;
}
