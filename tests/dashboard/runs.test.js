// The pages over all runs: filter, order and groups of the list; colours, places and columns of a comparison.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Points } from "../../freak_core/server/dashboard/live/metric-points.js";
import { parse } from "../../freak_core/server/dashboard/lib/json.js";
import { epochAt, stepOf } from "../../freak_core/ui/pages/compare/epochs.js";
import { moved, scaled, within } from "../../freak_core/ui/pages/compare/pan-zoom.js";
import { lastUpTo, nearest } from "../../freak_core/ui/pages/compare/axis-positions.js";
import { colour, colourNumbers } from "../../freak_core/ui/pages/compare/run-colours.js";
import { differing, metricsOf, metricText, valueText } from "../../freak_core/ui/pages/compare/run-columns.js";
import { filterOf } from "../../freak_core/ui/pages/list/row-filter.js";
import { clicked, grouped, inOrder } from "../../freak_core/ui/pages/list/row-order.js";
import { metricNames, usualMetric } from "../../freak_core/ui/pages/runs/metric-names.js";
import { ending } from "../../freak_core/ui/pages/runs/row.js";

/** @import { Row } from "../../freak_core/ui/pages/runs/row.js" */

/** @param {Partial<Row>} facts */
const row = (facts) => /** @type {Row} */ ({
  id: facts.name ?? "r", name: "r", phase: "finished", alive: false, error: null, stopped_by: null, reason: null, epoch: null, step: null,
  metrics: {}, started_at: null, ended_at: null, duration_s: null, host: "node1", launcher: {}, group: null, steered_by: [], requests: 0,
  unreadable: null, url: "runs/r/", ...facts,
});

/** @param {Row[]} rows */
const namesOf = (rows) => rows.map(({ name }) => name);

test("a row says how its run ended", () => {
  assert.equal(ending(row({})), "");
  assert.equal(ending(row({ error: "ValueError: nan" })), "ValueError: nan");
  assert.equal(ending(row({ stopped_by: "ann", reason: "good enough" })), "stopped by ann: good enough");
  assert.equal(ending(row({ reason: "good enough" })), "good enough");
  assert.equal(ending(row({ unreachable: "no key" })), "not reached: no key");
  assert.equal(ending(row({ unreadable: "other users can write into this folder", error: "x" })), "other users can write into this folder");
});

test("the filter takes words, states and comparisons, and all of them must hold", () => {
  const rows = [
    row({ name: "a", phase: "failed", error: "ValueError: nan", metrics: { "val/Loss": 0.5 } }),
    row({ name: "b", alive: true, phase: "training", step: 1200, metrics: { "val/Loss": 0.25 } }),
    row({ name: "c", host: "node2", steered_by: ["ann"], metrics: { "val/Loss": null } }),
  ];
  /** @param {string} filter */
  const passing = (filter) => namesOf(rows.filter(filterOf(filter))).join("");
  assert.equal(passing(""), "abc");
  assert.equal(passing("valueerror"), "a");
  assert.equal(passing("node1 live"), "b");
  assert.equal(passing("val/loss<0.3"), "b");
  assert.equal(passing("val/loss>=0.25"), "ab");
  assert.equal(passing("step>1e3"), "b");
  assert.equal(passing("state=failed"), "a");
  assert.equal(passing("state!=failed node1"), "b");
  assert.equal(passing("steered=ann"), "c");
  assert.equal(passing("nowhere"), "");
  assert.equal(passing("a=b=c <3 >"), "");
});

test("live runs come first, a column sorts all, and what is not known comes last", () => {
  const rows = [row({ name: "run10", step: 5 }), row({ name: "run9", step: null }), row({ name: "live", alive: true, step: 1 })];
  assert.deepEqual(namesOf(inOrder(rows, null, "")), ["live", "run10", "run9"]);
  assert.deepEqual(namesOf(inOrder(rows, { column: "step", descending: true }, "")), ["run10", "live", "run9"]);
  assert.deepEqual(namesOf(inOrder(rows, { column: "step", descending: false }, "")), ["live", "run10", "run9"]);
  assert.deepEqual(namesOf(inOrder(rows, { column: "name", descending: false }, "")), ["live", "run9", "run10"]);
  const measured = [row({ name: "a", metrics: { loss: null } }), row({ name: "b", metrics: { loss: 2 } }), row({ name: "c", metrics: { loss: 1 } })];
  assert.deepEqual(namesOf(inOrder(measured, { column: "metric", descending: false }, "loss")), ["c", "b", "a"]);
});

test("a column sorts one way, then the other, then no longer", () => {
  const first = clicked(null, "step");
  assert.deepEqual(first, { column: "step", descending: true });
  assert.deepEqual(clicked(first, "name"), { column: "name", descending: false });
  const second = clicked(first, "step");
  assert.deepEqual(second, { column: "step", descending: false });
  assert.equal(clicked(second, "step"), null);
});

test("groups stand in the order of their first rows, runs of none at the end", () => {
  const rows = [row({ name: "alone" }), row({ name: "b1", group: "b" }), row({ name: "a1", group: "a" }), row({ name: "b2", group: "b" })];
  assert.deepEqual(grouped(rows).map(({ title, rows: members }) => [title, ...namesOf(members)]), [["b", "b1", "b2"], ["a", "a1"], ["no sweep", "alone"]]);
  assert.deepEqual(grouped([rows[0]]), [{ title: null, rows: [rows[0]] }]);
});

test("the usual metric is a loss, and names are in order", () => {
  const rows = [row({ metrics: { acc2: 1, acc10: 1, "val/loss": 1 } }), row({ metrics: { acc2: 1, loss: 3 } })];
  assert.deepEqual(metricNames(rows), ["acc2", "acc10", "loss", "val/loss"]);
  assert.deepEqual([usualMetric(rows), usualMetric([row({ metrics: { a: 1, b: 1 } }), row({ metrics: { b: 1 } })]), usualMetric([])], ["loss", "b", ""]);
});

test("each run has a colour of its own, and keeps it when another joins or leaves", () => {
  const ids = Array.from({ length: 20 }, (_, i) => `run-${i}`);
  const numbers = colourNumbers(ids, new Map());
  assert.equal(new Set([...numbers.values()].map((number) => colour(number, false))).size, 20);
  const fewer = colourNumbers(ids.slice(3), numbers);
  assert.deepEqual([fewer.size, fewer.get("run-7")], [17, numbers.get("run-7")]);
  const other = colourNumbers([...ids.slice(3), "new"], fewer);
  assert.deepEqual([other.get("run-7"), other.get("new")], [7, 0]);
});

test("panning and zooming stay within everything", () => {
  const everything = { min: 0, max: 100 };
  assert.deepEqual(within({ min: 90, max: 110 }, everything), { min: 80, max: 100 });
  assert.deepEqual(within({ min: -5, max: 5 }, everything), { min: 0, max: 10 });
  assert.deepEqual([within({ min: -5, max: 105 }, everything), within({ min: 5, max: 5 }, everything)], [null, null]);
  assert.deepEqual(scaled({ min: 0, max: 100 }, 20, 0.5), { min: 10, max: 60 });
  assert.deepEqual(moved({ min: 10, max: 20 }, 0.5), { min: 15, max: 25 });
});

test("the nearest place of an axis is found, and the last one before it", () => {
  assert.deepEqual([-1, 0, 2.4, 2.6, 9].map((x) => nearest([0, 2, 3], x)), [0, 0, 1, 2, 2]);
  assert.deepEqual([-1, 0, 2.4, 9].map((x) => lastUpTo([0, 2, 3], x)), [-1, 0, 1, 2]);
  assert.equal(nearest([], 3), -1);
});

test("a step lies between two epochs in proportion", () => {
  const epochs = Points.from([[0, 0, 0], [100, 1, 1], [300, 2, 2]]);
  assert.deepEqual([0, 50, 100, 200, 300, 900].map((step) => epochAt(epochs, step)), [0, 0.5, 1, 1.5, 2, 2]);
  assert.deepEqual([stepOf(epochs, 0.5), stepOf(epochs, 9)], [100, 300]);
  assert.ok(Number.isNaN(epochAt(new Points(), 5)));
});

test("the tables show what differs or was changed, and final metrics", () => {
  /** @param {string} text */
  const column = (text) => ({ id: "x", values: {}, at_start: {}, metrics: {}, ...parse(text) });
  const one = column('{"values": {"lr": 0.1, "seed": 1, "same": 1.0}, "at_start": {"lr": 0.3, "seed": 1}, "metrics": {"loss": 0.5}}');
  const other = column('{"values": {"lr": 0.1, "seed": 2, "same": 1.0}, "at_start": {"lr": 0.1}, "metrics": {"loss": null, "acc": 1}}');
  assert.deepEqual(differing([one, other]), ["lr", "seed"]);
  assert.deepEqual([valueText(one, "lr"), valueText(other, "lr"), valueText(one, "none")], ["0.3 → 0.1", "0.1", "–"]);
  assert.deepEqual(metricsOf([one, other]), ["acc", "loss"]);
  assert.deepEqual([metricText(one, "loss"), metricText(other, "loss"), metricText(one, "acc")], ["0.5", "not finite", "–"]);
  assert.deepEqual(differing([one]), ["lr"]);
});
