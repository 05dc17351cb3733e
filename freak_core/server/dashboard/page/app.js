// The dashboard: what it is made of, and where.

import { Actions } from "./actions.js";
import { Charts } from "../charts/charts.js";
import { Controls } from "./training-controls.js";
import { Denied } from "./access-denied.js";
import { Question } from "../lib/dialog.js";
import { followRun } from "../live/event-stream.js";
import { StateForm } from "../form/state-form.js";
import { Header } from "./header.js";
import { Shortcuts } from "./keyboard.js";
import { Latest } from "./last-request.js";
import { connection, schema } from "../live/run.js";
import { Timeline } from "./timeline.js";
import { html, render } from "../vendor.js";

function App() {
  if (connection.value === "denied") return html`<${Denied} />`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>Skip to the content</a>
    <${Header} />
    <main id="main" tabindex="-1" class=${connection.value}>
      ${schema.value === null ? html`<p class="hint">Connecting to the run…</p>` : html`
        <div class="top">
          <${Controls} />
          <${Latest} />
        </div>
        <${Charts} />
        <div class="steer">
          <${StateForm} />
          <${Actions} />
        </div>
        <${Timeline} />`}
    </main>
    <${Question} />
    <${Shortcuts} />`;
}

render(html`<${App} />`, document.body);
followRun();
