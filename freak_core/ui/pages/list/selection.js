// The runs that the user has selected.

import { computed, signal } from "../dashboard/vendor.js";
import { byId } from "../runs/listing.js";
import { isBroken } from "../runs/row.js";
import { visible } from "./settings.js";

/** @import { Row } from "../runs/row.js" */

const ids = signal(/** @type {Set<string>} */ (new Set()));
/** Where a range begins that a click with Shift ends. @type {string | null} */
let anchor = null;

/** The selected runs that still exist. */
export const selected = computed(() => [...ids.value].filter((id) => byId.value.has(id)));

/** @param {string} id */
export const isSelected = (id) => ids.value.has(id);

/**
 * Select runs, or no longer. A folder that tells no run can't be selected.
 * @param {Row[]} rows
 * @param {boolean} on
 */
export function select(rows, on) {
  const all = new Set(ids.value);
  for (const row of rows) {
    if (on && !isBroken(row)) all.add(row.id);
    else all.delete(row.id);
  }
  ids.value = all;
}

/**
 * Select a run, or no longer. With Shift, all rows between the last click and this one.
 * @param {Row} row
 * @param {boolean} on
 * @param {boolean} range
 */
export function selectTo(row, on, range) {
  const rows = visible.value;
  const [from, to] = [rows.findIndex(({ id }) => id === anchor), rows.indexOf(row)];
  anchor = row.id;
  select(range && from >= 0 && to >= 0 ? rows.slice(Math.min(from, to), Math.max(from, to) + 1) : [row], on);
}

export const clear = () => { ids.value = new Set(); };
