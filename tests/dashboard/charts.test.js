// The arithmetic of the charts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { axisOf, placeText, relativeTime } from "../../freak_core/server/dashboard/charts/axis.js";
import { order, smoothed, smoothedLine, withDetail } from "../../freak_core/server/dashboard/charts/smoothed-line.js";
import { Points, summary, thin } from "../../freak_core/server/dashboard/live/metric-points.js";

/**
 * @import { Axis } from "../../freak_core/server/dashboard/charts/axis.js"
 */

/** @param {Points} points */
const rows = ({ steps, times, values }) => times.map((time, i) => [steps[i], time, values[i]]);

/**
 * @param {number[]} found
 * @param {number[]} expected
 */
function assertClose(found, expected) {
  assert.equal(found.length, expected.length);
  found.forEach((value, i) => assert.ok(Object.is(value, expected[i]) || Math.abs(value - expected[i]) < 1e-9, `${value} is not ${expected[i]}`));
}

test("smoothing is TensorBoard's moving average: debiased, and NaN changes nothing after it", () => {
  let [last, count] = [0, 0];
  const values = [1, 3, NaN, 2, -4];
  const expected = values.map((value) => {
    if (Number.isNaN(value)) return NaN;
    [last, count] = [last * 0.6 + 0.4 * value, count + 1];
    return last / (1 - 0.6 ** count);
  });
  assertClose(smoothed(values, 0.6), expected);
  assert.deepEqual(smoothed([0.1, 0.1, 0.1], 0.6), [0.1, 0.1, 0.1]);
  assert.deepEqual([smoothed([], 0.6), smoothed([NaN], 0.6), smoothed([3, 1, 2], 0)], [[], [NaN], [3, 1, 2]]);
});

test("thinning keeps ends, peaks and gaps, evenly", () => {
  const points = new Points();
  let gradual = new Points(); // as live points arrive: thinned again and again
  for (let i = 0; i < 100_000; i++) {
    const value = i === 31_234 ? 99 : i === 71_234 ? NaN : Math.sin(i / 1000);
    points.push(i, i / 10, value);
    gradual.push(i, i / 10, value);
    if (gradual.length > 400) gradual = thin(gradual, 200);
  }
  const kept = thin(points, 1000);
  /** @param {Points} thinned */
  const perTenth = ({ steps }) => steps.reduce((counts, step) => { counts[Math.floor(step / 10_000)]++; return counts; }, Array(10).fill(0));
  assert.ok(kept.length <= 1000);
  assert.deepEqual([rows(kept)[0], kept.steps.at(-1)], [[0, 0, 0], 99_999]);
  assert.ok(kept.steps.every((step, i) => i === 0 || step > kept.steps[i - 1]));
  for (const { values } of [kept, gradual]) assert.ok(values.includes(99) && values.some(Number.isNaN));
  assert.ok(perTenth(kept).every((/** @type {number} */ count) => count >= 60 && count <= 72));
  assert.ok(Math.min(...perTenth(gradual).slice(0, 9)) > 5);
});

test("thinning takes any order: steps that go back, clocks that stand still, nothing but gaps", () => {
  /**
   * @param {(i: number) => number | null} step
   * @param {(i: number) => number} time
   * @param {(i: number) => number} value
   */
  const thinned = (step, time, value) => {
    const points = new Points();
    for (let i = 0; i < 500; i++) points.push(step(i), time(i), value(i));
    const kept = thin(points, 50);
    assert.ok(kept.length >= 5 && kept.length <= 50);
    return rows(kept);
  };
  const back = thinned((i) => i % 100, (i) => i, (i) => i);
  assert.deepEqual([back[0], back.at(-1)], [[0, 0, 0], [99, 499, 499]]);
  const still = thinned(() => null, () => 7, (i) => i);
  assert.deepEqual([still[0][2], still.at(-1)?.[2]], [0, 499]);
  assert.ok(thinned(() => 5, () => 7, () => NaN).every(([, , value]) => Number.isNaN(value)));
  thinned((i) => i, (i) => -i, () => 1);
  assert.deepEqual(rows(thin(Points.from([[1, 2, 3], [null, 2, null]]), 5)), [[1, 2, 3], [NaN, 2, NaN]]);
});

test("a line has gaps, and is one line after the steps went back", () => {
  const points = Points.from([[0, 10, 1], [1, 11, null], [2, 12, -2], [3, 13, 4], [2, 14, 5], [3, 15, 6]]);
  /** @param {Axis} axis */
  const line = (axis, log = false, smoothing = 0) => smoothedLine(points, { axis, log, smoothing, origin: 10 });
  assert.deepEqual(order(points, "step"), [0, 1, 4, 5]);
  const step = line("step");
  assert.deepEqual([step.xs, step.raw, step.hidden], [[0, 1, 2, 3], [1, null, 5, 6], 0]);
  const relative = line("relative");
  assert.deepEqual([relative.xs, relative.raw], [[0, 1, 2, 3, 4, 5], [1, null, -2, 4, 5, 6]]);
  const wall = line("wall", true);
  assert.deepEqual([wall.xs, wall.raw, wall.hidden], [[10, 11, 12, 13, 14, 15], [1, null, null, 4, 5, 6], 1]);
  const { smooth } = line("step", false, 0.5);
  assert.equal(smooth[1], null);
  assertClose(smooth.map((value) => value ?? NaN), [1, NaN, 11 / 3, 5]);
});

test("points without steps are shown by time", () => {
  const [points, stepless] = [Points.from([[0, 10, 1]]), Points.from([[null, 1, 1]])];
  assert.deepEqual([axisOf(points, "step"), axisOf(stepless, "step"), axisOf(stepless, "wall")], ["step", "relative", "wall"]);
});

test("the points of a zoomed part replace those that they cover", () => {
  const points = Points.from([[0, 100, 1], [10, 110, 1], [20, 120, 1], [30, 130, 1], [22, 131, 7]]);
  const detail = Points.from([[11, 111, 2], [15, 115, 2], [20, 120, 2]]);
  const times = [100, 110, 111, 115, 120, 130, 131];
  assert.deepEqual(withDetail(points, detail, { axis: "step", since: 10, until: 25 }).times, times);
  assert.deepEqual(withDetail(points, detail, { axis: "time", since: 110, until: 125 }).times, times);
});

test("a summary counts the values that are not finite", () => {
  assert.deepEqual(summary(Points.from([[0, 0, 2], [1, 1, null], [2, 2, -1]])), { latest: -1, min: -1, max: 2, gaps: 1 });
  assert.deepEqual(summary(new Points()), { latest: null, min: null, max: null, gaps: 0 });
});

test("places on the axis are texts", () => {
  const seconds = [0, 1.25, 59.9994, 65, 3599.6, 3725, -90, 90_000];
  assert.deepEqual(seconds.map(relativeTime), ["0s", "1.25s", "59.999s", "1m 05s", "1h 00m", "1h 02m", "-1m 30s", "25h 00m"]);
  assert.equal(placeText(1200, "step"), "step 1200");
  assert.match(placeText(1_764_000_000, "wall"), /^2025-11-2\d \d\d:\d\d:\d\d$/);
});
