// Modal dialogs. They are the browser's own: focus stays inside, and Escape closes.

import { html, signal, useEffect, useRef } from "../vendor.js";

/**
 * A modal dialog around its children. `onClose` is called however the user leaves it.
 * @param {{title: string, onClose: () => void, children?: object}} props
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => { if (before instanceof HTMLElement) before.focus(); };
  }, []);
  const pressedOutside = useRef(false); // selecting text from inside to outside ends in a click outside, too
  /** @param {Event} event */
  const outside = (event) => event.target === element.current;
  return html`<dialog ref=${element} aria-labelledby="dialog-title" onClose=${onClose} onMouseDown=${(event) => { pressedOutside.current = outside(event); }}
      onClick=${(event) => { if (pressedOutside.current && outside(event)) onClose(); }}>
    <div class="inside"><h2 id="dialog-title">${title}</h2>${children}</div>
  </dialog>`;
}

/**
 * A question before an action that is hard to take back.
 * @typedef {{title: string, text: string, yes: string, answer: (agreed: boolean) => void}} Confirmation
 */

const question = signal(/** @type {Confirmation | null} */ (null));

/**
 * Ask the user; return a promise of whether the user agreed.
 * @param {string} title
 * @param {string} text
 * @param {string} yes the text of the button that agrees
 * @returns {Promise<boolean>}
 */
export const confirmed = (title, text, yes) =>
  new Promise((answer) => { question.value = { title, text, yes, answer }; });

/** The dialog of the question that is being asked. */
export function Question() {
  if (!question.value) return null;
  const { title, text, yes, answer } = question.value;
  /** @param {boolean} agreed */
  const close = (agreed) => { question.value = null; answer(agreed); };
  return html`<${Dialog} title=${title} onClose=${() => close(false)}>
    <p>${text}</p>
    <div class="buttons">
      <button type="button" onClick=${() => close(false)}>Cancel</button>
      <button type="button" class="danger" onClick=${() => close(true)}>${yes}</button>
    </div>
  </${Dialog}>`;
}
