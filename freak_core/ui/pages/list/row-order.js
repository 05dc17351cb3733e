// The order of the rows, and their groups.

import { COLUMNS } from "./columns.js";

/** @import { Row } from "../runs/row.js" */

/** Sorted by a column; null for the usual order. @typedef {{column: string, descending: boolean} | null} Sorting */
/** @typedef {{title: string | null, rows: Row[]}} Group without a title: the rows stand alone */

const byText = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * @param {string | number} one
 * @param {string | number} other
 */
const compared = (one, other) => (typeof one === "number" && typeof other === "number" ? one - other : byText.compare(String(one), String(other)));

/**
 * Return the rows in the usual order, live runs first and else as they come, or sorted by a column. Rows without a value
 * come last either way.
 * @param {Row[]} rows
 * @param {Sorting} sorting
 * @param {string} metric the one that the column of metrics shows
 */
export function inOrder(rows, sorting, metric) {
  if (sorting === null) return [...rows.filter(({ alive }) => alive), ...rows.filter(({ alive }) => !alive)];
  const { value } = COLUMNS[sorting.column];
  const keyed = rows.map((row) => ({ row, key: value(row, metric) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    return compared(a.key, b.key) * (sorting.descending ? -1 : 1);
  });
  return keyed.map(({ row }) => row);
}

/**
 * Return the sorting after a click on a column: its first direction, the other one, then the usual order.
 * @param {Sorting} sorting
 * @param {string} column
 * @returns {Sorting}
 */
export function clicked(sorting, column) {
  const first = COLUMNS[column].descending ?? false;
  if (sorting?.column !== column) return { column, descending: first };
  return sorting.descending === first ? { column, descending: !first } : null;
}

/**
 * Return the groups of some rows, in the order of their first rows. Runs of no sweep and no array are the last group.
 * @param {Row[]} rows in order
 * @returns {Group[]}
 */
export function grouped(rows) {
  const byGroup = Map.groupBy(rows.filter(({ group }) => group !== null), ({ group }) => group);
  const alone = rows.filter(({ group }) => group === null);
  const groups = [...byGroup].map(([title, members]) => ({ title, rows: members }));
  return alone.length ? [...groups, { title: groups.length ? "no sweep" : null, rows: alone }] : groups;
}
