// The dashboard: what it is made of, and where.

import { Actions } from "./actions.js";
import { Charts } from "./charts.js";
import { followRun } from "./events.js";
import { StateForm } from "./form.js";
import { Header } from "./header.js";
import { connection } from "./run.js";
import { Timeline } from "./timeline.js";
import { html, render } from "./vendor.js";

function App() {
  if (connection.value === "denied") {
    return html`<main class="denied"><p role="alert">No access: open the link that the program printed, or run <code>freak open</code>.</p></main>`;
  }
  return html`
    <${Header} />
    <main class=${connection.value}>
      <${Charts} />
      <${StateForm} />
      <${Actions} />
      <${Timeline} />
    </main>`;
}

render(html`<${App} />`, document.body);
followRun();
