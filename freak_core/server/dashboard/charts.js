// Every metric over time.

import { html } from "./vendor.js";

export function Charts() {
  return html`<section aria-labelledby="charts-title"><h2 id="charts-title">Metrics</h2></section>`;
}
