// What knows no Freak: JSON with exact numbers, JSON Pointers, CSV, short numbers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { csv } from "../../freak_core/server/dashboard/lib/csv.js";
import { brief, short, tick } from "../../freak_core/server/dashboard/lib/format.js";
import { Exact, isInteger, number, parse, same, some, stringify, Unparsed } from "../../freak_core/server/dashboard/lib/json.js";
import { formatPointer, parsePointer } from "../../freak_core/server/dashboard/lib/json-pointer.js";
import { resolve } from "../../freak_core/server/dashboard/lib/json-schema.js";
import { duration } from "../../freak_core/server/dashboard/lib/clock.js";

test("numbers keep their digits", () => {
  const texts = ["9223372036854775807", "-9223372036854775808", "1.0", "-0.0", "1e400", "1E5", "100000000000000000000000", "0.1", "12", "1e-320"];
  for (const text of texts) assert.equal(stringify(parse(text)), text === "1e-320" ? "1e-320" : text, text);
  const nested = '{"a":[1.0,{"b":9223372036854775807}],"text":"1.0 and 9223372036854775807"}';
  assert.equal(stringify(parse(nested)), nested);
});

test("a number is a JavaScript number where that is written the same", () => {
  assert.equal(number("12"), 12);
  assert.equal(number("0.5"), 0.5);
  assert.ok(number("1.0") instanceof Exact);
  assert.ok(number("9007199254740993") instanceof Exact);
  assert.equal(Number(number("1.0")), 1);
});

test("a text that is not JSON is refused with its position", () => {
  assert.throws(() => parse("{'a': 1}"), SyntaxError);
  assert.throws(() => parse(""), SyntaxError);
});

test("1 is not 1.0, and big integers are compared exactly", () => {
  assert.ok(!same(parse("1"), parse("1.0")));
  assert.ok(same(parse("1.0"), parse("1.00")));
  assert.ok(!same(parse("9223372036854775807"), parse("9223372036854775806")));
  assert.ok(same(parse('{"a":[1,null],"b":2}'), parse('{"b":2,"a":[1,null]}')));
  assert.ok(!same({ a: 1 }, { a: 1, b: undefined }));
  assert.ok(!same([1], { 0: 1 }));
  assert.ok(same(new Unparsed("x", "one reason"), new Unparsed("x", "another")));
  assert.ok(isInteger(parse("9223372036854775807")) && !isInteger(parse("1.0")));
});

test("some looks into lists and objects, not into numbers", () => {
  assert.ok(some({ a: [1, { b: null }] }, (each) => each === null));
  assert.ok(!some({ a: parse("1.0") }, (each) => each === "1.0"));
});

test("JSON Pointers escape slashes and tildes", () => {
  const keys = ["a/b", "~", "", "ü"];
  assert.equal(formatPointer(keys), "/a~1b/~0//ü");
  assert.deepEqual(parsePointer(formatPointer(keys)), keys);
  assert.deepEqual(parsePointer(""), []);
});

test("a reference is resolved, and what stands beside it takes precedence", () => {
  const root = { $defs: { A: { $ref: "#/$defs/B", title: "A" }, B: { type: "integer", title: "B" }, "a/b": { type: "null" }, Loop: { $ref: "#/$defs/Loop" } } };
  assert.deepEqual(resolve({ $ref: "#/$defs/A", description: "here" }, root), { type: "integer", title: "A", description: "here" });
  assert.deepEqual(resolve({ $ref: "#/$defs/a~1b" }, root), { type: "null" });
  assert.deepEqual(resolve({ allOf: [{ $ref: "#/$defs/B" }], title: "mine" }, root), { type: "integer", title: "mine" });
  assert.ok(resolve({ $ref: "#/$defs/Loop" }, root));
});

test("CSV keeps every digit and every name", () => {
  const text = csv({ 'a "b", c': [[0, 1764000000.123456, 0.1 + 0.2], [null, 1764000001, null]], "a,b": [[1e15, 2, 1e-320], [2, 3, -0.0]] });
  assert.deepEqual(text.split("\r\n"), [
    "metric,step,time,value",
    '"a ""b"", c",0,1764000000.123456,0.30000000000000004',
    '"a ""b"", c",,1764000001,nan',
    `"a,b",1000000000000000,2,${1e-320}`,
    '"a,b",2,3,0',
    "",
  ]);
  assert.equal(csv({}), "metric,step,time,value\r\n");
});

test("no name is a formula for a spreadsheet, and negative numbers stay numbers", () => {
  const point = /** @type {[number, number, number]} */ ([0, 0, -1]);
  const names = ["=1+1", "+1", "-1", "@sum", "\tx", "a=1", '=cmd|"x"', " =1", "\uff1d1", "\n=1", "a;=1"];
  const cells = csv(Object.fromEntries(names.map((name) => [name, [point]]))).split("\r\n").slice(1, -1);
  const plain = ["'=1+1", "'+1", "'-1", "'@sum", "\"'\tx\"", "a=1", "\"'=cmd|\"\"x\"\"\"", "' =1", "'\uff1d1", "\"'\n=1\"", "\"a;=1\""];
  assert.deepEqual(cells, plain.map((name) => `${name},0,0,-1`));
});

test("numbers are short and right", () => {
  const numbers = [0, 12, -0.123456, 3e-5, 0.00012345, 123456, 1e6, 12345678, NaN, null];
  assert.deepEqual(numbers.map(short), ["0", "12", "-0.12346", "3e-5", "1.234e-4", "123456", "1e6", "1.235e7", "not finite", "none"]);
  assert.deepEqual([0.1 + 0.2, 1e-5, 2000000].map(tick), ["0.3", "1e-5", "2e6"]);
  assert.deepEqual([null, 0.0003, "relu", [1, 2], "x".repeat(100)].map(brief), ["none", "3e-4", "relu", "[1,2]", `${"x".repeat(57)}…`]);
});

test("durations name at most two units", () => {
  const seconds = [-1, 0, 93, 119.4, 240, 7140, 7200, 19_200, 172_800, 187_200];
  assert.deepEqual(seconds.map(duration), ["0 s", "0 s", "93 s", "119 s", "4 min", "119 min", "2 h", "5 h 20 min", "2 d", "2 d 4 h"]);
});
