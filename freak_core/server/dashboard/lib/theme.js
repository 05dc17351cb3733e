// Light, dark, or as the system is set. The choice is kept in localStorage.

import { effect, html, signal } from "../vendor.js";

const KEY = "freak-theme";
const THEMES = ["auto", "light", "dark"];

function stored() {
  try {
    return localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto"; // the browser allows no storage
  }
}

export const theme = signal(THEMES.includes(stored()) ? stored() : "auto");
const system = matchMedia("(prefers-color-scheme: dark)");
/** Whether the page is dark now. */
export const dark = signal(false);

const update = () => { dark.value = theme.value === "auto" ? system.matches : theme.value === "dark"; };
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  update();
});
system.addEventListener("change", update);

/** @param {{target: HTMLSelectElement}} event */
function choose({ target }) {
  theme.value = target.value;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch { /* without storage, the choice lasts until the page is closed */ }
}

export function ThemeSwitch() {
  return html`<select class="theme" aria-label="Colours" title="Colours" value=${theme.value} onChange=${choose}>
    ${THEMES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
  </select>`;
}
