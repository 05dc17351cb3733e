// The interventions of the compared runs: what was changed, when, by whom.

import { get } from "../dashboard/live/api.js";
import { markersOf } from "../dashboard/charts/markers.js";
import { signal } from "../dashboard/vendor.js";

/** @import { Marker } from "../dashboard/charts/markers.js" */

const MOST_RECEIPTS = 300;

/** The marks of each run, by its id. */
export const interventions = signal(/** @type {Map<string, Marker[]>} */ (new Map()));
/** How many requests a run had when its receipts were asked for. @type {Map<string, number>} */
const asked = new Map();

/**
 * Load the receipts of a run, unless they are known.
 * @param {string} run
 * @param {number | null} requests how many the run had
 */
export async function loadInterventions(run, requests) {
  if (requests === 0 || asked.get(run) === (requests ?? -1)) return;
  asked.set(run, requests ?? -1);
  try {
    const receipts = await get(`runs/${encodeURIComponent(run)}/receipts?last=${MOST_RECEIPTS}`, { priority: "low" }); // the curves come first
    interventions.value = new Map(interventions.value).set(run, markersOf(receipts));
  } catch {
    asked.delete(run); // asked again with the next list of runs
  }
}
