// Light, dark, or as the system has it; kept for the next visit.

import { effect, html, signal } from "../vendor.js";

const KEY = "freak-theme";
const THEMES = ["auto", "light", "dark"];

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off
  }
}

export const theme = signal(THEMES.includes(kept()) ? kept() : "auto");
const system = matchMedia("(prefers-color-scheme: dark)");
/** Whether the page is dark now. */
export const dark = signal(false);

const settle = () => { dark.value = theme.value === "auto" ? system.matches : theme.value === "dark"; };
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  settle();
});
system.addEventListener("change", settle);

function choose(event) {
  theme.value = event.target.value;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch { /* it holds for this visit */ }
}

export function ThemeSwitch() {
  return html`<select class="theme" aria-label="Colours" title="Colours" value=${theme.value} onChange=${choose}>
    ${THEMES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
  </select>`;
}
