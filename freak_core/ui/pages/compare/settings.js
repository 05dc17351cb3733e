// How the curves are shown. The axis stays in this browser's localStorage, the rest in this tab.

import { stored } from "../dashboard/lib/stored-signal.js";
import { batch, signal } from "../dashboard/vendor.js";

/** @typedef {"step" | "relative" | "epoch"} CompareAxis */

/** @type {Record<CompareAxis, string>} */
export const AXES = { step: "Step", relative: "Time since the start", epoch: "Epoch" };

export const axis = stored("freak-compare-axis", /** @type {CompareAxis} */ ("step"), (value) => value in AXES);
/** Every chart shows this part of the axis; null for everything. */
export const zoom = signal(/** @type {{min: number, max: number} | null} */ (null));
/** The ids of the runs whose curves are not drawn. */
export const hidden = signal(/** @type {Set<string>} */ (new Set()));
/** The id of the run at which the pointer is in the legend: its curves stand out. */
export const pointedAt = signal(/** @type {string | null} */ (null));

/** @param {CompareAxis} name */
export function chooseAxis(name) {
  batch(() => {
    axis.value = name;
    zoom.value = null;
  });
}

/** @param {string} id */
export function toggleRun(id) {
  const all = new Set(hidden.value);
  if (!all.delete(id)) all.add(id);
  hidden.value = all;
}
