// The receipts of all requests that this page knows.

import { computed, signal } from "../vendor.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Problem } from "./api.js"
 */

/** @typedef {{path: string, old?: Json, new?: Json}} Change */

/**
 * @typedef {object} Receipt
 * @property {string} id
 * @property {number} seq 0 for a dry run
 * @property {string} status "accepted", "applied", "failed", "rejected" or "cancelled"
 * @property {string} kind "patch", "json_patch", "put", "reset" or "action"
 * @property {string} [name] the action's
 * @property {string} path the pointer that the request is about
 * @property {Json} [asked] the body of the request
 * @property {Change[]} changes
 * @property {Json} [result] the action's
 * @property {Problem | null} [error]
 * @property {string | null} [note]
 * @property {string} by "program", "freak", or who sent the request
 * @property {string} requested_at as RFC 3339
 * @property {{at: string, step?: number | null, logged_step?: number | null, ranks: number} | null} [applied]
 * @property {number | null} [at_step]
 * @property {number | null} [at_epoch]
 * @property {number} [revision]
 * @property {string} [journal] "degraded" if the journal cannot be written
 */

/** Every known receipt by its id. */
export const receipts = signal(/** @type {Map<string, Receipt>} */ (new Map()));
export const newestFirst = computed(() => [...receipts.value.values()].sort((a, b) => b.seq - a.seq));
/** The receipt of the last receipt event. A screen reader reads it out. */
export const announced = signal(/** @type {Receipt | null} */ (null));

/**
 * Add or update receipts. A dry run's receipt is left out: it has no sequence number.
 * @param {Receipt[]} news
 */
export function takeReceipts(news) {
  const all = new Map(receipts.value);
  for (const receipt of news) {
    const known = all.get(receipt.id);
    const outdated = known && known.status !== "accepted" && receipt.status === "accepted";
    if (receipt.seq && !outdated) all.set(receipt.id, receipt);
  }
  receipts.value = all;
}
