"""The segments of metrics: a run that goes back to an earlier step begins a new one."""

from typing import Any

import pytest

from freak_core.messages.protocol import Event
from freak_core.server.mirror.numbered_points import NumberedPoints


def event(step: int | None, **values: Any) -> Event:
    return {
        "type": "event",
        "event": "metrics",
        "data": {"step": step, "at": 1.0, "values": values},
        "seq": 1,
    }


def told(*events: Event) -> dict[str, list[tuple[int, float | None]]]:
    """Return segment and step of each point by metric, as they are recorded."""
    found: dict[str, list[tuple[int, float | None]]] = {}
    for batch in NumberedPoints().batches(events):
        for name, column in zip(batch.names, batch.values, strict=True):
            assert len(column) == len(batch.step)
            found.setdefault(name, []).extend((batch.segment, step) for step in batch.step)
    return found


def test_each_metric_goes_back_with_the_first_one() -> None:
    forward = [event(step, **{name: 1.0}) for step in (1, 2, 3) for name in ("loss", "acc")]
    again = [event(2, acc=1.0), event(2, loss=1.0), event(3, loss=1.0, acc=2.0)]
    points = told(*forward, *again)
    assert points["loss"] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]
    assert points["acc"] == points["loss"]


def test_two_metrics_that_count_differently_stay_in_one_segment() -> None:
    points = told(*(event(step, **{name: 1.0}) for step in range(5) for name in ("fast", "slow")))
    mixed = told(event(100, fast=1.0), event(1, slow=1.0), event(101, fast=1.0), event(2, slow=1.0))
    assert {segment for each in (points, mixed) for rows in each.values() for segment, _ in rows} == {0}


def test_the_same_step_twice_and_no_step_are_no_way_back() -> None:
    assert told(event(3, a=1.0), event(3, a=2.0), event(None, a=3.0), event(3, a=1.0))["a"][-1] == (0, 3)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), None, 10**5000], ids=["nan", "infinity", "none", "5,001 digits"]
)
def test_what_is_not_finite_is_a_point_without_a_value(value: float | None) -> None:
    (batch,) = NumberedPoints().batches([event(1, a=value, b="text", c=[1], d=True)])
    assert dict(zip(batch.names, batch.values, strict=True)) == {"a": [None], "d": [True]}


def test_a_step_that_no_float_holds_is_none() -> None:
    assert told(event(10**5000, a=1.0), event(3, a=1.0))["a"] == [(0, None), (0, 3)]


def test_points_of_one_metric_stay_in_their_order_whatever_comes_with_them() -> None:
    events = [
        event(1, a=1.0),
        event(2, a=1.0, b=1.0),
        event(3, a=1.0),
        event(4, b=1.0),
        event(5, b=1.0, a=1.0),
    ]
    assert [step for _, step in told(*events)["a"]] == [1, 2, 3, 5]


def test_a_recorder_that_follows_another_goes_on_with_its_segment() -> None:
    first = NumberedPoints()
    batches = list(first.batches([event(1, a=1.0), event(2, a=1.0), event(1, a=1.0), event(5, a=1.0)]))
    second = NumberedPoints()
    for batch in batches:
        second.go_on_after(batch)
    (batch,) = second.batches([event(6, a=1.0)])
    assert batch.segment == 1
    (batch,) = second.batches([event(2, a=1.0)])
    assert batch.segment == 2
