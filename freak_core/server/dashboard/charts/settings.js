// The settings of the charts. The user's choices stay in this browser's localStorage.

import { stored } from "../lib/stored-signal.js";
import { batch, computed } from "../vendor.js";
import { AXES } from "./axis.js";
import { zoom } from "./zoom.js";

/**
 * @import { Signal } from "../vendor.js"
 * @import { Axis } from "./axis.js"
 */

/**
 * Return a signal of the charts that is stored. A stored value that is not `valid` is ignored.
 * @template T
 * @param {string} name
 * @param {T} initial
 * @param {(value: any) => boolean} valid
 */
const setting = (name, initial, valid) => stored(`freak-charts-${name}`, initial, valid);

/** @param {any} value */
const isNames = (value) => Array.isArray(value) && value.every((name) => typeof name === "string");

/** The weight of earlier values in the smoothed line, 0 to 0.99. */
export const smoothing = setting("smoothing", 0, (value) => typeof value === "number" && value >= 0 && value <= 0.99);
export const logarithmic = setting("log", false, (value) => typeof value === "boolean");
export const axis = setting("axis", /** @type {Axis} */ ("step"), (value) => value in AXES);
export const filter = setting("filter", "", (value) => typeof value === "string");
/** Names of the metrics that are shown first, in this order. */
export const pinned = setting("pinned", /** @type {string[]} */ ([]), isNames);
/** Names of the groups that are closed. */
export const closed = setting("closed", /** @type {string[]} */ ([]), isNames);

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
