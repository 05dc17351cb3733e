// The fits of the same program before and after the one that the page shows.

import { addressTaken, fitAfter, fitBefore, forgetFitBefore } from "../live/next-fit.js";
import { ended, facts, isEnding } from "../live/run.js";
import { html } from "../vendor.js";

/** Which run the page showed before it went on to this one. */
function Before() {
  if (!fitBefore.value) return null;
  const { id, name, phase, url } = fitBefore.value;
  return html`<p class="fits" role="status">The run ${name} has ended${isEnding(phase) && ` (${phase})`}; this page went on to the next one of the same program.
    ${" "}${url ? html`<a href=${url}>Back to ${name}</a>` : html`<code>freak open ${id}</code> shows what it has left.`}
    ${" "}<button type="button" class="quiet" aria-label="Do not show this any more" title="Do not show this any more" onClick=${forgetFitBefore}>×</button></p>`;
}

/** The next fit, on the page of one that has ended. */
function After() {
  if (!fitAfter.value || !ended.value) return null;
  const { name, url } = fitAfter.value;
  return html`<p class="fits">The next run of the same program: <a href=${url}>${name}</a></p>`;
}

/** What to do when another run has got the address of the one that has ended. */
function Taken() {
  return addressTaken.value && html`<p class="fits" role="status">Another run has this address now, with a token of its own: <code>freak open</code> opens it.
    ${" "}<code>freak ui</code> has all runs, also this one (<code>freak open ${facts.value.id}</code>).</p>`;
}

export const OtherFits = () => html`<${Before} /><${After} /><${Taken} />`;
