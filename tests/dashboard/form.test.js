// The form without a page: kinds of schema fields, values to start with, the request for staged edits, undo.

import assert from "node:assert/strict";
import { test } from "node:test";
import { initial } from "../../freak_core/server/dashboard/form/initial-value.js";
import { edited, REMOVED, requestFor, valueAt } from "../../freak_core/server/dashboard/form/merge-patch.js";
import { boundsText, readNumber } from "../../freak_core/server/dashboard/form/number-control.js";
import { describe, fits, variantName, variantOf } from "../../freak_core/server/dashboard/form/schema-kinds.js";
import { numberAt, positionOf, scaleOf } from "../../freak_core/server/dashboard/form/slider.js";
import { childSchema, mapParts, schemaAt } from "../../freak_core/server/dashboard/form/subschema.js";
import { canUndo, changedSince, undoEdits } from "../../freak_core/server/dashboard/form/undo.js";
import { parse, stringify, Unparsed } from "../../freak_core/server/dashboard/lib/json.js";
import { MASK } from "../../freak_core/server/dashboard/live/secret-mask.js";

/**
 * @import { Json } from "../../freak_core/server/dashboard/lib/json.js"
 * @import { Schema } from "../../freak_core/server/dashboard/lib/json-schema.js"
 * @import { Change, Receipt } from "../../freak_core/server/dashboard/live/receipts.js"
 */

/** @type {Schema} */
const ROOT = {
  $defs: {
    SGD: { type: "object", title: "SGD", properties: { name: { const: "sgd" }, lr: { type: "number" } }, required: ["name"] },
    Adam: { type: "object", title: "Adam", properties: { name: { const: "adam" }, lr: { type: "number" }, eps: { type: "number" } }, required: ["name"] },
    Tree: { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/Tree" } }, parent: { $ref: "#/$defs/Tree" } }, required: ["children", "parent"] },
  },
  type: "object",
  properties: {
    lr: { type: "number", exclusiveMinimum: 0, maximum: 1 },
    epochs: { type: "integer", default: 3 },
    hold: { anyOf: [{ type: "number" }, { type: "null" }] },
    optimizer: { anyOf: [{ $ref: "#/$defs/SGD" }, { $ref: "#/$defs/Adam" }] },
    weights: { type: "object", additionalProperties: { type: "number" } },
    gaps: { type: "object", additionalProperties: { anyOf: [{ type: "number" }, { type: "null" }] } },
    model: { type: "object", properties: { layers: { type: "integer" }, note: { anyOf: [{ type: "string" }, { type: "null" }] } }, additionalProperties: false },
    sizes: { type: "array", items: { type: "integer" } },
    total: { type: "integer", readOnly: true, computed: true },
    free: {},
  },
};
const STATE = parse(`{"lr": 0.1, "epochs": 3, "hold": null, "optimizer": {"name": "sgd", "lr": 1.0}, "weights": {"a/b": 1.0, ".": 2.5},
  "gaps": {"none": null}, "model": {"layers": 2, "note": null}, "sizes": [1, 2], "total": 9, "free": {"x": 1}}`);

/** @param {Record<string, Json>} edits */
const requestOf = (edits) => {
  const { body, ...request } = requestFor(new Map(Object.entries(edits).map(([at, value]) => [at, { value }])), STATE, ROOT);
  return { ...request, body: stringify(body) };
};

test("every schema has a kind", () => {
  /** @type {[Schema, string, boolean][]} */
  const expected = [
    [{ type: "boolean" }, "toggle", false],
    [{ type: "integer" }, "number", false],
    [{ anyOf: [{ type: "integer" }, { type: "number" }, { type: "null" }] }, "number", true],
    [{ anyOf: [{ type: "number" }, { type: "string" }], format: "decimal" }, "decimal", false],
    [{ type: "string", format: "date" }, "text", false],
    [{ type: "string", writeOnly: true }, "secret", false],
    [{ enum: ["a", null] }, "choice", true],
    [{ const: 1 }, "const", false],
    [{ anyOf: [{ const: "x" }, { type: "null" }] }, "choice", true],
    [{ type: "array", items: { type: "integer" } }, "items", false],
    [{ type: "array", prefixItems: [{ type: "integer" }] }, "tuple", false],
    [{ type: "array" }, "json", false],
    [{ type: "object", properties: {} }, "object", false],
    [{ type: "object", additionalProperties: { type: "string" } }, "mapping", false],
    [{ type: "object", additionalProperties: true }, "json", false],
    [{ type: ["integer", "null"] }, "number", true],
    [{ type: ["integer", "string"] }, "json", false],
    [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "union", false],
    [{ $ref: "#/$defs/SGD" }, "object", false],
    [{}, "json", false],
  ];
  for (const [schema, kind, nullable] of expected) {
    const found = describe(schema, ROOT);
    assert.deepEqual([found.kind, found.nullable], [kind, nullable], JSON.stringify(schema));
  }
  assert.equal(describe(/** @type {any} */ ({ anyOf: 7 }), ROOT).kind, "json");
});

test("a control shows only values that it can edit", () => {
  const integer = describe({ type: "integer" }, ROOT);
  assert.ok(fits(1, integer, ROOT) && !fits(parse("1.0"), integer, ROOT) && !fits("1", integer, ROOT));
  const pair = describe({ type: "array", prefixItems: [{ type: "integer" }, { type: "integer" }] }, ROOT);
  assert.ok(fits([1, 2], pair, ROOT) && !fits([1], pair, ROOT));
  assert.ok(!fits(null, describe({ type: "string" }, ROOT), ROOT));
  assert.ok(fits(null, describe({ type: "number" }, ROOT), ROOT)); // NaN
});

test("a union's variant is found by its constants, and else by its keys", () => {
  const { variants } = describe(ROOT.properties?.optimizer, ROOT);
  assert.equal(variantOf({ name: "adam", lr: 1 }, variants, ROOT), 1);
  assert.equal(variantOf({ name: "other" }, variants, ROOT), -1);
  assert.deepEqual(variants.map((each) => variantName(each, ROOT)), ["SGD", "Adam"]);
  /** @type {Schema[]} */
  const alike = [{ type: "object", properties: { a: {} } }, { type: "object", properties: { a: {}, b: {} } }];
  assert.equal(variantOf({ a: 1, b: 2 }, alike, ROOT), 1);
  assert.equal(variantOf({ a: 1 }, alike, ROOT), 0);
});

test("a new value is allowed by its schema", () => {
  assert.equal(initial({ type: "integer", exclusiveMinimum: 4 }, ROOT), 5);
  assert.equal(initial({ type: "number", maximum: -2 }, ROOT), -2);
  assert.equal(initial({ type: "number", default: 0.5 }, ROOT), 0.5);
  assert.deepEqual(initial({ $ref: "#/$defs/Adam" }, ROOT), { name: "adam" });
  assert.deepEqual(initial({ type: "array", items: { type: "boolean" }, minItems: 2 }, ROOT), [false, false]);
  assert.match(initial({ type: "string", format: "date-time" }, ROOT), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  assert.ok(initial({ $ref: "#/$defs/Tree" }, ROOT)); // a schema that contains itself ends somewhere
});

test("the schema of a part is found through unions, lists and dicts", () => {
  assert.deepEqual(schemaAt(ROOT, STATE, ["optimizer", "name"]), { const: "sgd" });
  assert.deepEqual(schemaAt(ROOT, STATE, ["sizes", "1"]), { type: "integer" });
  assert.deepEqual(schemaAt(ROOT, STATE, ["weights", "new"]), { type: "number" });
  assert.deepEqual(schemaAt(ROOT, STATE, ["free", "x", "y"]), {});
  assert.deepEqual(childSchema({ type: "array", prefixItems: [{ type: "null" }], items: { type: "integer" } }, 0, [null], ROOT), { type: "null" });
  assert.deepEqual(mapParts({ total: 9, epochs: 3 }, ROOT, ROOT, (each, { schema }) => (schema.computed ? undefined : each)), { epochs: 3 });
});

test("edits are one merge patch", () => {
  assert.deepEqual(requestOf({ "/lr": 0.2 }), { method: "PATCH", route: "state", body: '{"lr":0.2}' });
  assert.equal(requestOf({ "/epochs": parse("9223372036854775807"), "/optimizer/lr": parse("2.0") }).body, '{"epochs":9223372036854775807,"optimizer":{"lr":2.0}}');
  assert.equal(requestOf({ "/hold": null }).body, '{"hold":null}');
  assert.equal(requestOf({ "/weights/a~1b": REMOVED, "/weights/c": 3 }).body, '{"weights":{"a/b":null,"c":3}}');
  assert.equal(requestOf({ "/sizes": [1] }).body, '{"sizes":[1]}');
});

test("edits that no merge patch can say are a PUT of the smallest value that contains them", () => {
  assert.deepEqual(requestOf({ "/model": { layers: 1 } }), { method: "PUT", route: "state/model", body: '{"layers":1}' });
  assert.deepEqual(requestOf({ "/free/new": { note: null } }), { method: "PUT", route: "state/free/new", body: '{"note":null}' });
  assert.deepEqual(requestOf({ "/gaps/none": REMOVED }), { method: "PUT", route: "state/gaps", body: "{}" });
  assert.deepEqual(requestOf({ "/gaps/none": REMOVED, "/gaps/more": 1 }).body, '{"more":1}');
  const both = requestOf({ "/model": { layers: 1 }, "/lr": 0.2 });
  assert.deepEqual([both.method, both.route], ["PUT", "state/"]);
  assert.ok(both.body.includes('"lr":0.2') && both.body.includes('"a/b":1.0') && !both.body.includes("total"));
});

test("no URL ends in a dot", () => {
  const state = { weights: { ".": { a: 1 } } };
  const request = requestFor(new Map([["/weights/.", { value: { b: null } }]]), state, { type: "object" });
  assert.deepEqual(request, { method: "PUT", route: "state/weights", body: { ".": { b: null } } });
});

test("an edit changes a copy", () => {
  const value = { a: [1, 2], b: { c: 1 } };
  assert.deepEqual(edited(value, [[["a", "0"], 5], [["b", "c"], REMOVED]]), { a: [5, 2], b: {} });
  assert.deepEqual(value, { a: [1, 2], b: { c: 1 } });
  assert.equal(valueAt(value, ["b", "toString"]), undefined);
});

test("typed numbers are read as JSON has them", () => {
  /** @param {string} text */
  const float = (text) => readNumber(text, { type: "number" }, false);
  assert.deepEqual(["1", ".5", "1_000", "+2", "1e-3"].map(float), [1, 0.5, 1000, 2, 0.001]);
  assert.equal(String(float("1.")), "1.0");
  assert.ok(float("1,5") instanceof Unparsed && float("") instanceof Unparsed && float("--1") instanceof Unparsed);
  assert.equal(readNumber(" ", { type: "number" }, true), null);
  assert.equal(String(readNumber("9223372036854775807", { type: "integer" }, false)), "9223372036854775807");
  assert.equal(readNumber("1e3", { type: "integer" }, false), 1000);
  assert.ok(readNumber("1.5", { type: "integer" }, false) instanceof Unparsed);
  assert.equal(boundsText({ exclusiveMinimum: 0, maximum: 1, multipleOf: 0.5 }), "> 0, ≤ 1, multiple of 0.5");
});

test("a slider needs two bounds, and is logarithmic over many powers of ten", () => {
  assert.equal(scaleOf({ minimum: 0 }), null);
  assert.equal(scaleOf({ minimum: 0, maximum: 1 })?.log, false);
  const rate = scaleOf({ exclusiveMinimum: 0, maximum: 1 });
  assert.ok(rate?.log);
  for (const number of [1e-6, 1e-3, 1]) assert.equal(numberAt(Math.round(positionOf(number, rate)), rate), number);
  const whole = scaleOf({ type: "integer", minimum: 1, maximum: 10_000 });
  assert.ok(whole?.log && Number.isInteger(numberAt(517, whole)));
});

/** @param {Change[]} changes */
const applied = (changes) => /** @type {Receipt} */ ({
  id: "r", seq: 1, status: "applied", kind: "patch", path: "", by: "you", requested_at: "2025-01-01T00:00:00Z", changes,
});

test("undo restores the old values, and leaves computed fields out", () => {
  const receipt = applied([{ path: "/epochs", old: 2, new: 3 }, { path: "/total", old: 6, new: 9 }]);
  assert.deepEqual([...undoEdits(receipt, STATE, ROOT)?.edits ?? []], [["/epochs", { value: 2 }]]);
  assert.deepEqual(changedSince(receipt, { ...STATE, epochs: 5 }, ROOT), ["/epochs"]);
  assert.equal(undoEdits(applied([{ path: "/epochs", old: 3, new: 4 }]), STATE, ROOT), null);
  assert.ok(!canUndo(applied([{ path: "/key", old: MASK, new: MASK }])));
});

test("undo tells where a receipt leaves open whether a key was null or missing", () => {
  const missing = undoEdits(applied([{ path: "/weights/a~1b", old: null, new: 1 }]), STATE, ROOT);
  assert.deepEqual([missing?.edits.get("/weights/a~1b")?.value, missing?.ambiguous], [REMOVED, []]);
  const state = { ...STATE, gaps: { none: 1 } };
  const open = undoEdits(applied([{ path: "/gaps/none", old: null, new: 1 }]), state, ROOT);
  assert.deepEqual([open?.edits.get("/gaps/none")?.value, open?.ambiguous], [REMOVED, ["/gaps/none"]]);
  const declared = undoEdits(applied([{ path: "/model/note", old: null, new: "x" }]), { ...STATE, model: { layers: 2, note: "x" } }, ROOT);
  assert.deepEqual([declared?.edits.get("/model/note")?.value, declared?.ambiguous], [null, []]);
});
