// Dialogs: the browser's own, so that focus stays inside and Escape leaves.

import { html, signal, useEffect, useRef } from "../vendor.js";

/** A modal dialog around its children; `onClose` is called however it is left. */
export function Dialog({ title, onClose, children }) {
  const element = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.focus?.();
  }, []);
  const began = useRef(null); // a selection of text that ends beside the dialog is a click on it, too
  const outside = (event) => event.target === element.current;
  return html`<dialog ref=${element} aria-labelledby="dialog-title" onClose=${onClose} onMouseDown=${(event) => { began.current = outside(event); }}
      onClick=${(event) => { if (began.current && outside(event)) onClose(); }}>
    <div class="inside"><h2 id="dialog-title">${title}</h2>${children}</div>
  </dialog>`;
}

const question = signal(null);

/** Ask before something that is hard to take back; return a promise of the answer. */
export const confirmed = (title, text, yes) =>
  new Promise((answer) => { question.value = { title, text, yes, answer }; });

/** The question that is being asked, if any. */
export function Question() {
  if (!question.value) return null;
  const { title, text, yes, answer } = question.value;
  const close = (agreed) => { question.value = null; answer(agreed); };
  return html`<${Dialog} title=${title} onClose=${() => close(false)}>
    <p>${text}</p>
    <div class="buttons">
      <button type="button" onClick=${() => close(false)}>Cancel</button>
      <button type="button" class="danger" onClick=${() => close(true)}>${yes}</button>
    </div>
  </${Dialog}>`;
}
