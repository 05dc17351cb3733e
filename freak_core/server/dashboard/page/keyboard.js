// The few keys that work anywhere, and the dialog that lists them.

import { Dialog } from "../lib/dialog.js";
import { html, signal } from "../vendor.js";

const shown = signal(false);
const shortcuts = [];

/** Call `act` when a key is pressed outside fields and dialogs; `says` what it does. */
export const onKey = (key, says, act) => shortcuts.push({ key, says, act });

export const showShortcuts = () => { shown.value = true; };

onKey("?", "show these shortcuts", showShortcuts);

window.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const found = shortcuts.find(({ key }) => key === event.key);
  if (!found) return;
  event.preventDefault();
  found.act();
});

/** Where the routes are documented, if anywhere; the new tab gets this one's token from its opener. */
function Docs() {
  const { docs } = document.documentElement.dataset;
  return docs && html`<p>What this page does, a program can do: <a href=${docs} target="_blank" rel="opener">the HTTP API</a>.</p>`;
}

export function Shortcuts() {
  if (!shown.value) return null;
  const close = () => { shown.value = false; };
  return html`<${Dialog} title="Keyboard shortcuts" onClose=${close}>
    <dl class="shortcuts">${shortcuts.map(({ key, says }) => html`
      <div key=${key}><dt><kbd>${key}</kbd></dt><dd>${says}</dd></div>`)}
    </dl>
    <${Docs} />
    <div class="buttons"><button type="button" onClick=${close}>Close</button></div>
  </${Dialog}>`;
}
