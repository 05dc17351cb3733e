// Signals that are kept in this browser's localStorage: the choices of a user.

import { effect, signal } from "../vendor.js";

/** @import { Signal } from "../vendor.js" */

/**
 * Return a signal that is stored in localStorage. A stored value that is not `valid` is ignored.
 * @template T
 * @param {string} key
 * @param {T} initial
 * @param {(value: any) => boolean} valid
 * @returns {Signal<T>}
 */
export function stored(key, initial, valid) {
  let value = initial;
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? "null");
    if (found !== null && valid(found)) value = found;
  } catch { /* nothing valid is stored, or the browser allows no storage */ }
  const setting = signal(value);
  effect(() => {
    const text = JSON.stringify(setting.value);
    try {
      localStorage.setItem(key, text);
    } catch { /* without storage, the setting lasts until the page is closed */ }
  });
  return setting;
}
