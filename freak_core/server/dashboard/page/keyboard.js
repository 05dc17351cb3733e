// The keyboard shortcuts, and the dialog that lists them.

import { Dialog } from "../lib/dialog.js";
import { html, signal } from "../vendor.js";

const shown = signal(false);
/** @type {{key: string, description: string, act: () => void}[]} */
const shortcuts = [];

/**
 * Call `act` when a key is pressed outside of fields and dialogs.
 * @param {string} key
 * @param {string} description what the key does, for the list
 * @param {() => void} act
 */
export const addShortcut = (key, description, act) => { shortcuts.push({ key, description, act }); };

export const showShortcuts = () => { shown.value = true; };

addShortcut("?", "show these shortcuts", showShortcuts);

window.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const found = shortcuts.find(({ key }) => key === event.key);
  if (!found) return;
  event.preventDefault();
  found.act();
});

/** The link to the documentation of the routes. The new tab gets the token from this one, its opener. */
function DocsLink() {
  const { docs } = document.documentElement.dataset;
  return docs && html`<p>A program can do what this page does, with <a href=${docs} target="_blank" rel="opener">the HTTP API</a>.</p>`;
}

export function Shortcuts() {
  if (!shown.value) return null;
  const close = () => { shown.value = false; };
  return html`<${Dialog} title="Keyboard shortcuts" onClose=${close}>
    <dl class="shortcuts">${shortcuts.map(({ key, description }) => html`
      <div key=${key}><dt><kbd>${key}</kbd></dt><dd>${description}</dd></div>`)}
    </dl>
    <${DocsLink} />
    <div class="buttons"><button type="button" onClick=${close}>Close</button></div>
  </${Dialog}>`;
}
