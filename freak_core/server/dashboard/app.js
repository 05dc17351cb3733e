// The dashboard: what it is made of, and where.

import { Actions } from "./actions.js";
import { Charts } from "./charts.js";
import { Controls } from "./controls.js";
import { Denied } from "./denied.js";
import { Question } from "./dialog.js";
import { followRun } from "./events.js";
import { StateForm } from "./form.js";
import { Header } from "./header.js";
import { Shortcuts } from "./keyboard.js";
import { Latest } from "./latest.js";
import { connection, schema } from "./run.js";
import { Timeline } from "./timeline.js";
import { html, render } from "./vendor.js";

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
