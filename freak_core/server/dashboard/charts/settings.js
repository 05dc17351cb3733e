// How the charts are shown. What the user chose stays in this browser.

import { zoom } from "./zoom.js";
import { batch, computed, effect, signal } from "../vendor.js";

/** Return a signal that is kept in localStorage, if what is there is `valid`. */
function stored(name, usual, valid) {
  const key = `freak-charts-${name}`;
  let value = usual;
  try {
    const kept = JSON.parse(localStorage.getItem(key));
    if (kept !== null && valid(kept)) value = kept;
  } catch { /* nothing kept, or the browser keeps nothing */ }
  const kept = signal(value);
  effect(() => {
    const text = JSON.stringify(kept.value);
    try {
      localStorage.setItem(key, text);
    } catch { /* it holds as long as the page */ }
  });
  return kept;
}

const isNames = (value) => Array.isArray(value) && value.every((name) => typeof name === "string");

export const AXES = { step: "Step", relative: "Relative time", wall: "Wall time" };

/** Weight of what was before in the smoothed line, 0 to 0.99. */
export const smoothing = stored("smoothing", 0, (value) => typeof value === "number" && value >= 0 && value <= 0.99);
export const logarithmic = stored("log", false, (value) => typeof value === "boolean");
export const axis = stored("axis", "step", (value) => value in AXES);
export const filter = stored("filter", "", (value) => typeof value === "string");
/** Names of metrics that come first, in this order. */
export const pinned = stored("pinned", [], isNames);
/** Names of groups that are closed. */
export const closed = stored("closed", [], isNames);

/** What is wrong with the filter, or null. */
export const filterError = computed(() => {
  try {
    return void new RegExp(filter.value) ?? null;
  } catch (error) {
    return error.message;
  }
});

let lastPattern = /(?:)/;

/** The filter as a regular expression; while it is being typed and is none, the last one that was. */
export const pattern = computed(() => {
  if (filterError.value === null) lastPattern = new RegExp(filter.value, "i");
  return lastPattern;
});

export function chooseAxis(name) {
  batch(() => {
    axis.value = name;
    zoom.value = null;
  });
}

/** Add a name to a list of names, or take it out. */
export function toggle(list, name, on = !list.value.includes(name)) {
  if (on === list.value.includes(name)) return;
  list.value = on ? [...list.value, name] : list.value.filter((other) => other !== name);
}
