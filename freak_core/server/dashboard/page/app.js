// The dashboard: its sections, and where they are on the page.

import { Charts } from "../charts/charts.js";
import { StateForm } from "../form/state-form.js";
import { startClock } from "../lib/clock.js";
import { Question } from "../lib/dialog.js";
import { followRun } from "../live/event-stream.js";
import { connection, schema } from "../live/run.js";
import { html, render } from "../vendor.js";
import { AccessDenied } from "./access-denied.js";
import { Actions } from "./actions.js";
import { Header } from "./header.js";
import { Shortcuts } from "./keyboard.js";
import { LastRequest } from "./last-request.js";
import { Timeline } from "./timeline.js";
import { TrainingControls } from "./training-controls.js";

/** @param {Event} event */
function skipToContent(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function App() {
  if (connection.value === "denied") return html`<${AccessDenied} />`;
  return html`
    <a class="skip" href="#main" onClick=${skipToContent}>Skip to the content</a>
    <${Header} />
    <main id="main" tabindex="-1" class=${connection.value}>
      ${schema.value === null ? html`<p class="hint">Connecting to the run…</p>` : html`
        <div class="top">
          <${TrainingControls} />
          <${LastRequest} />
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

startClock();
render(html`<${App} />`, document.body);
followRun();
