// The settings of the charts. The user's choices stay in this browser's localStorage.

import { batch, computed, effect, signal } from "../vendor.js";
import { AXES } from "./axis.js";
import { zoom } from "./zoom.js";

/**
 * @import { Signal } from "../vendor.js"
 * @import { Axis } from "./axis.js"
 */

/**
 * Return a signal that is stored in localStorage. A stored value that is not `valid` is ignored.
 * @template T
 * @param {string} name
 * @param {T} initial
 * @param {(value: any) => boolean} valid
 * @returns {Signal<T>}
 */
function stored(name, initial, valid) {
  const key = `freak-charts-${name}`;
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

/** @param {any} value */
const isNames = (value) => Array.isArray(value) && value.every((name) => typeof name === "string");

/** The weight of earlier values in the smoothed line, 0 to 0.99. */
export const smoothing = stored("smoothing", 0, (value) => typeof value === "number" && value >= 0 && value <= 0.99);
export const logarithmic = stored("log", false, (value) => typeof value === "boolean");
export const axis = stored("axis", /** @type {Axis} */ ("step"), (value) => value in AXES);
export const filter = stored("filter", "", (value) => typeof value === "string");
/** Names of the metrics that are shown first, in this order. */
export const pinned = stored("pinned", /** @type {string[]} */ ([]), isNames);
/** Names of the groups that are closed. */
export const closed = stored("closed", /** @type {string[]} */ ([]), isNames);

/** Why the filter is not a regular expression, or null. */
export const filterError = computed(() => {
  try {
    new RegExp(filter.value);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
});

let lastPattern = /(?:)/;

/** The filter as a regular expression. While the user types one that is not valid yet, the last valid one. */
export const pattern = computed(() => {
  if (filterError.value === null) lastPattern = new RegExp(filter.value, "i");
  return lastPattern;
});

/** @param {Axis} name */
export function chooseAxis(name) {
  batch(() => {
    axis.value = name;
    zoom.value = null;
  });
}

/**
 * Add a name to a list, or remove it.
 * @param {Signal<string[]>} list
 * @param {string} name
 * @param {boolean} [on] whether the name shall be in the list; by default, if it is not yet
 */
export function toggle(list, name, on = !list.value.includes(name)) {
  if (on === list.value.includes(name)) return;
  list.value = on ? [...list.value, name] : list.value.filter((other) => other !== name);
}
