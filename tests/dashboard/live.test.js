// The event stream in blocks, receipts as texts, and which facts and receipts the page keeps.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventParser } from "../../freak_core/server/dashboard/live/event-parser.js";
import { askedTexts, askedValues, dotted, due, reasons, resultParts, subject, valueText, where } from "../../freak_core/server/dashboard/live/receipt-text.js";
import { receipts, takeReceipts } from "../../freak_core/server/dashboard/live/receipts.js";
import { facts, factsOfProgress, takeFacts } from "../../freak_core/server/dashboard/live/run.js";
import { MASK } from "../../freak_core/server/dashboard/live/secret-mask.js";

/** @import { Receipt } from "../../freak_core/server/dashboard/live/receipts.js" */

/** @param {Partial<Receipt>} [facts_] */
const receipt = (facts_) => /** @type {Receipt} */ ({
  id: "r", seq: 1, status: "accepted", kind: "patch", path: "", by: "you", requested_at: "2025-01-01T00:00:00Z", changes: [], ...facts_,
});

test("the event stream is read in blocks, whatever its pieces", () => {
  const text = ': connected\nid: b-1\n\nid: b-2\nevent: state\ndata: {"a":\ndata: 1}\n\n: ping\n\nevent: run\ndata: {}\n\nid: b-3\n\nevent: cut';
  const expected = [
    ["b-1", undefined, undefined],
    ["b-2", "state", '{"a":\n1}'],
    [undefined, "run", "{}"],
    ["b-3", undefined, undefined],
  ];
  for (const size of [1, 7, 1000]) {
    for (const stream of [text, text.replaceAll("\n", "\r\n")]) {
      const blocksIn = eventParser();
      const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.slice(i * size, (i + 1) * size));
      const found = pieces.flatMap((piece) => blocksIn(piece)).map(({ id, message }) => [id, message?.event, message?.data]);
      assert.deepEqual(found, expected);
    }
  }
});

test("a receipt says what it is about", () => {
  assert.equal(subject(receipt({ asked: { lr: { hold: 1 }, epochs: 2 } })), "set lr.hold, epochs");
  assert.equal(subject(receipt({ changes: ["a", "b", "c", "d"].map((key) => ({ path: `/${key}` })) })), "set a, b, c, and 1 more");
  assert.equal(subject(receipt({ kind: "reset", path: "/lr" })), "reset lr");
  assert.equal(subject(receipt({ kind: "action", name: "save" })), "call save");
  assert.equal(subject(receipt({ kind: "action", name: "stop", by: "freak" })), "stop");
  assert.equal(dotted("/a~1b/c"), "a/b.c");
});

test("a secret's value is not shown as asked for", () => {
  assert.deepEqual(askedValues(receipt({ kind: "put", path: "/key", asked: MASK })), []);
  assert.deepEqual(askedValues(receipt({ kind: "put", path: "/m", asked: { a: 1 } })), [["/m", { a: 1 }]]);
});

test("a JSON Patch that waits tells each of its operations", () => {
  const asked = [
    { op: "test", path: "/name", value: "a" },
    { op: "add", path: "/layers/-", value: 3 },
    { op: "remove", path: "/layers/0" },
    { op: "move", path: "/layers/1", from: "/layers/2" },
    { op: "copy", path: "/best", from: "/layers/1" },
    { op: "replace", path: "/rate", value: 0.5 },
    { op: "merge", path: "/inner", value: { a: 1 } },
  ];
  const waiting = receipt({ kind: "json_patch", path: "/model", asked });
  assert.deepEqual(askedTexts(waiting), [
    ["/model/name", '"a", or else nothing is changed'],
    ["/model/layers/-", "3, added"],
    ["/model/layers/0", "removed"],
    ["/model/layers/1", "moved here from model.layers.2"],
    ["/model/best", "copied from model.layers.1"],
    ["/model/rate", "0.5"],
    ["/model/inner", '{"a":1}'],
  ]);
  assert.equal(subject(waiting), "set model.name, model.layers.-, model.layers.0, and 4 more");
  assert.deepEqual(askedTexts(receipt({ kind: "json_patch", asked: MASK })), []);
  assert.deepEqual(askedTexts(receipt({ asked: { lr: { hold: 1 } } })), [["/lr/hold", "1"]]);
});

test("a receipt says where it was applied, or when it is due", () => {
  const applied = { at: "", step: 1200, ranks: 2 };
  assert.equal(where({ applied }), " at step 1,200 on 2 ranks");
  assert.equal(where({ applied: { ...applied, logged_step: 600 } }), " at step 1,200 (logged as step 600) on 2 ranks");
  assert.equal(where({ applied: { ...applied, step: null, ranks: 1 } }), "");
  assert.equal(due(receipt({ at_step: 1200, at_epoch: 0 })), ", due at step 1,200 and epoch 0");
  assert.equal(due(receipt({ at_step: 1200, applied })), "");
});

test("a refusal names each path with its reason", () => {
  assert.equal(reasons({ errors: [{ path: "/lr/hold", message: "too big" }, { path: "/", message: "no" }] }), "lr.hold: too big; no");
  assert.equal(reasons({ title: "Conflict", detail: "the state has changed", errors: [] }), "the state has changed");
});

test("a result is shown in parts", () => {
  assert.deepEqual(resultParts({ path: "/x.ckpt", sizes: { sizes_mb: 1.23456789 }, steps: 1234567 }), [["path", "/x.ckpt"], ["sizes mb", "1.23457"], ["steps", "1234567"]]);
  assert.deepEqual(resultParts(3), [["result", "3"]]);
  assert.equal(valueText("x".repeat(200)).length, 118);
});

test("an older message about a receipt changes nothing, and a dry run is not kept", () => {
  takeReceipts([receipt({ status: "applied" }), receipt({ id: "dry", seq: 0 })]);
  takeReceipts([receipt({ status: "accepted" })]);
  assert.deepEqual([...receipts.value.values()].map(({ id, status }) => [id, status]), [["r", "applied"]]);
});

test("progress ends a stall, and null in it is no news", () => {
  takeFacts({ step: 1, eta_s: 5, stalled: true });
  takeFacts(factsOfProgress({ step: 2, eta_s: null }));
  assert.deepEqual(facts.value, { step: 2, eta_s: 5, stalled: false, seconds_since_progress: 0 });
});
