// How the list is shown. The user's choices stay in this browser's localStorage; the filter stays in this tab.

import { stored } from "../dashboard/lib/stored-signal.js";
import { computed, signal } from "../dashboard/vendor.js";
import { rows } from "../runs/listing.js";
import { metricNames, usualMetric } from "../runs/metric-names.js";
import { COLUMNS } from "./columns.js";
import { filterOf } from "./row-filter.js";
import { grouped, inOrder } from "./row-order.js";

/** @import { Group, Sorting } from "./row-order.js" */

/** @param {any} value */
const isSorting = (value) => typeof value?.descending === "boolean" && Object.hasOwn(COLUMNS, value.column);

export const filter = signal("");
export const sorting = stored("freak-runs-sorting", /** @type {Sorting} */ (null), isSorting);
export const byGroup = stored("freak-runs-grouped", false, (value) => typeof value === "boolean");
/** The titles of the groups that are closed. */
export const closed = signal(/** @type {string[]} */ ([]));
const chosenMetric = stored("freak-runs-metric", "", (value) => typeof value === "string");

/** The names that the column of metrics can show. */
export const metrics = computed(() => metricNames(rows.value ?? []));
/** The one that it shows: the user's choice, if a run has it. */
export const metric = computed(() => (metrics.value.includes(chosenMetric.value) ? chosenMetric.value : usualMetric(rows.value ?? [])));

/** @param {string} name */
export const chooseMetric = (name) => { chosenMetric.value = name; };

const shown = computed(() => inOrder((rows.value ?? []).filter(filterOf(filter.value)), sorting.value, metric.value));
/** The groups of the rows that pass the filter, in order. */
export const groups = computed(() => /** @type {Group[]} */ (byGroup.value ? grouped(shown.value) : [{ title: null, rows: shown.value }]));
/** The rows that are on the page: they pass the filter, and their group is open. */
export const visible = computed(() => groups.value.flatMap(({ title, rows: members }) => (title !== null && closed.value.includes(title) ? [] : members)));
export const shownCount = computed(() => shown.value.length);
