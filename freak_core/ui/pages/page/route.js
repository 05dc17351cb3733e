// What the address asks for: the list of runs, or the comparison of some.

import { signal } from "../dashboard/vendor.js";

/**
 * Return the runs to compare that a fragment names; null for the list.
 * @param {string} hash such as `#compare=a,b`
 */
export function comparedIn(hash) {
  const part = hash.replace(/^#/, "").split("&").find((each) => each.startsWith("compare="));
  if (part === undefined) return null;
  const ids = part.slice("compare=".length).split(",").filter(Boolean).map(decoded);
  return ids.length ? [...new Set(ids)] : null;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The ids of the runs to compare; null while the page shows the list. */
export const compared = signal(comparedIn(location.hash));
window.addEventListener("hashchange", () => { compared.value = comparedIn(location.hash); });
