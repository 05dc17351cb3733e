// All runs of this home, asked for every two seconds while the page is visible.

import { call, httpError, HttpError } from "../dashboard/live/api.js";
import { batch, computed, signal } from "../dashboard/vendor.js";

/** @import { Row } from "./row.js" */

const EVERY_MS = 2000;

/** Every run, as the server sorts them; null before the first answer. */
export const rows = signal(/** @type {Row[] | null} */ (null));
export const byId = computed(() => new Map((rows.value ?? []).map((row) => [row.id, row])));
/** Why the list is not up to date; null if it is. */
export const trouble = signal(/** @type {string | null} */ (null));
/** Why access is denied, in the server's words; null if it is not. */
export const denial = signal(/** @type {string | null} */ (null));

let etag = "";
let asking = false;

/** Ask for the list now. */
export async function refresh() {
  if (asking || denial.value !== null) return;
  asking = true;
  try {
    const response = await call("runs", { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
    if (response.status !== 304) await take(response);
    trouble.value = null;
  } catch (error) {
    if (error instanceof HttpError && (error.status === 401 || error.status === 403)) denial.value = error.message;
    else trouble.value = error instanceof HttpError ? error.message : "freak ui does not answer";
  } finally {
    asking = false;
  }
}

/** @param {Response} response */
async function take(response) {
  if (!response.ok) throw await httpError(response);
  const { runs } = await response.json();
  batch(() => { rows.value = withUnchanged(runs); });
  etag = response.headers.get("ETag") ?? "";
}

/**
 * Return the rows, with the object of before for each row that has not changed: then it need not be drawn again.
 * @param {Row[]} news
 */
function withUnchanged(news) {
  const before = byId.peek();
  return news.map((row) => {
    const known = before.get(row.id);
    return known && JSON.stringify(known) === JSON.stringify(row) ? known : row;
  });
}

/** Try again with a new token. */
export function retry() {
  denial.value = null;
  refresh();
}

/** Keep the list up to date from now on. */
export function follow() {
  const visible = () => { if (!document.hidden) refresh(); };
  setInterval(visible, EVERY_MS);
  document.addEventListener("visibilitychange", visible);
  window.addEventListener("focus", visible);
  refresh();
}
