// The page over all runs: the list, or the comparison of some.

import { startClock } from "../dashboard/lib/clock.js";
import { Question } from "../dashboard/lib/dialog.js";
import { ThemeSwitch } from "../dashboard/lib/theme.js";
import { takeFragment } from "../dashboard/live/token.js";
import { showShortcuts, Shortcuts } from "../dashboard/page/keyboard.js";
import { effect, html, render } from "../dashboard/vendor.js";
import { Comparison } from "../compare/comparison.js";
import { RunList } from "../list/run-list.js";
import { denial, follow, rows, trouble } from "../runs/listing.js";
import { AccessForm } from "./access-form.js";
import { compared } from "./route.js";

/** @param {Event} event */
function skipToContent(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Header() {
  const runs = rows.value ?? [];
  const live = runs.filter(({ alive }) => alive).length;
  return html`<header>
    <div class="bar">
      ${compared.value ? html`<a class="back" href="#">‹ All runs</a><h1>Compare ${compared.value.length} runs</h1>` : html`<h1>Runs</h1>`}
      ${live > 0 && html`<span class="badge live">${live} live</span>`}
      <div class="settings">
        <button type="button" class="quiet" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${showShortcuts}>?</button>
        <${ThemeSwitch} />
      </div>
    </div>
    ${trouble.value !== null && html`<p class="trouble" role="alert">The list is not up to date: ${trouble.value}. It tries again every two seconds.
      ${" "}If <code>freak ui</code> has ended, start it again: the link stays the same.</p>`}
  </header>`;
}

function App() {
  if (denial.value !== null) return html`<${AccessForm} />`;
  return html`
    <a class="skip" href="#main" onClick=${skipToContent}>Skip to the content</a>
    <${Header} />
    <main id="main" tabindex="-1" class="all-runs">
      ${compared.value ? html`<${Comparison} key="compare" ids=${compared.value} />` : html`<${RunList} />`}
    </main>
    <${Question} />
    <${Shortcuts} />`;
}

effect(() => {
  document.title = compared.value ? `Freak · compare ${compared.value.length} runs` : "Freak · runs";
});
/** Where each of the two pages was scrolled to. @type {Map<boolean, number>} */
const scrolled = new Map();
let comparing = compared.peek() !== null;
window.addEventListener("scroll", () => scrolled.set(comparing, scrollY), { passive: true });
effect(() => {
  const now = compared.value !== null;
  if (now === comparing) return;
  comparing = now;
  requestAnimationFrame(() => scrollTo(0, scrolled.get(now) ?? 0));
});
// The link of `freak ui`, pasted into this tab, changes the fragment only.
window.addEventListener("hashchange", () => { if (takeFragment()) location.reload(); });
startClock();
render(html`<${App} />`, document.body);
follow();
