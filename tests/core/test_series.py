"""The history of the metrics, over HTTP and thinned out."""

import functools
import itertools
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from freak_core import Client, Freak
from freak_core.program.metric_sample import History
from freak_core.server.mirror.metric_history import MOST_METRICS, Series, thin

values = st.none() | st.floats(allow_nan=False, allow_infinity=False)
points = st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1e9), values), max_size=300)


@given(points, st.integers(5, 50))
def test_thinning_keeps_ends_peaks_gaps_and_order(
    given: list[tuple[int, float, float | None]], at_most: int
) -> None:
    kept = list(thin([value for _, _, value in given], range(len(given)), at_most))
    assert len(kept) <= at_most
    assert kept == sorted(set(kept))
    if given:
        assert (kept[0], kept[-1]) == (0, len(given) - 1)
        before, after = ([given[i][2] for i in which] for which in (range(len(given)), kept))
        assert (None in before) == (None in after)
        finite = [value for value in before if value is not None]
        if finite:
            assert min(finite) in after
            assert max(finite) in after


def shares_of_tenths(kept: list[Any]) -> list[int]:
    """Return how many points there are of each ten thousand steps."""
    return [len(list(tenth)) for _, tenth in itertools.groupby(kept, lambda point: point[0] // 10_000)]


def test_a_long_history_is_thinned_evenly() -> None:
    """However often it is thinned, each tenth of the run keeps about its share."""
    series = Series(keep=1000)
    for step in range(100_000):
        series.note(step, 0.0, {"loss": math.sin(step / 500)})
    kept = series.copy()["loss"].read(100_000, "step", -1, math.inf)
    assert len(kept) <= 1000
    assert (kept[0][0], kept[-1][0]) == (0, 99_999)
    tenths = shares_of_tenths(kept)
    assert len(tenths) == 10
    assert min(tenths[:9]) > 30
    drawn = series.copy()["loss"].read(202, "step", -1, math.inf)
    assert all(18 <= share <= 22 for share in shares_of_tenths(drawn))


def test_many_metrics_share_what_is_remembered() -> None:
    series = Series(keep=1000, keep_in_all=2000)
    for step in range(500):
        series.note(step, 0.0, {f"metric {i}": float(step) for i in range(100)})
    assert max(len(history.points) for history in series.copy().values()) <= 20


def test_what_is_no_number_is_left_out() -> None:
    series = Series()
    series.note(1, 0.0, {"text": "tensor([1, 2])", "flag": True, "huge": 10**400, "inf": -math.inf})
    found = {name: history.points[0][2] for name, history in series.copy().items()}
    assert found == {"flag": True, "huge": 10**400, "inf": None}


def test_old_metrics_are_every_nth_of_their_kind() -> None:
    """Rare metrics are not crowded out by frequent ones, and each says for how many it stands."""
    history, series = History(keep=100), Series()
    for seq in range(10_000):
        values = {"loss": seq} if seq % 1000 else {"loss": seq, "val": seq}
        history.note({"seq": seq, "data": {"step": seq, "at": seq / 2, "values": values}})
    for told in history.told():
        series.note(**told)
    found = series.copy()
    assert [point[0] for point in found["val"].points] == list(range(0, 10_000, 1000))
    steps = [point[0] for point in found["loss"].points]
    assert steps == sorted(set(steps))
    assert 60 <= len(steps) <= 110
    assert {told["stands_for"] for told in history.told()} == {1, 128}


def test_a_program_that_always_names_new_metrics_does_not_fill_the_memory() -> None:
    history = History()
    for seq in range(1000):
        history.note({"seq": seq, "data": {"step": seq, "at": 0.0, "values": {f"metric {seq}": 0.0}}})
    assert len(history.told()) == 200


class Empty(BaseModel):
    pass


def until(read: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what ``read`` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := read()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@pytest.fixture
def run(home: object) -> Iterator[tuple[Freak, Client]]:
    """A served state, and a client of it."""
    with Freak(port=0).control(Empty()) as freak, Client(freak.link) as client:
        yield freak, client


def test_what_the_program_publishes_is_in_the_series(run: tuple[Freak, Client]) -> None:
    freak, client = run
    for step in range(20):
        freak.log({"train/loss": 1 / (step + 1), "epoch": 0.0, "a,b": 1.0}, step=step)
    freak.publish(step=20, nan=float("nan"))
    series = until(lambda: (found := client.series()).get("nan") and found)
    assert [point[0] for point in series["train/loss"]] == list(range(20))
    assert series["nan"][0][2] is None
    assert set(series) == {"train/loss", "epoch", "nan", "a,b"}
    assert len(client.series("train/loss", since=9)["train/loss"]) == 10
    assert len(client.series("train/loss", max_points=5)["train/loss"]) <= 5
    assert set(client.series("a,b")) == {"a,b"}
    assert set(client.series("epoch", "nan")) == {"epoch", "nan"}

    def read(**options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {freak.token}"}
        return httpx.get(
            f"{freak.url}/series", params=options, headers=headers, trust_env=False, verify=False
        )

    loss = series["train/loss"]
    assert read(names="train/loss", since=4, until=7).json() == {"train/loss": loss[5:8]}
    times = {"axis": "time", "since": loss[3][1], "until": loss[6][1]}
    assert read(names="train/loss", **times).json() == {"train/loss": loss[4:7]}
    assert read(max_points=4).status_code == 422
    assert read(axis="epoch").status_code == 422


def known(client: Client, step: int) -> bool:
    return bool(client.series("loss", since=step - 1).get("loss"))


def test_a_new_server_knows_the_history_from_the_beginning(run: tuple[Freak, Client]) -> None:
    freak, client = run
    for step in range(5000):
        freak.log({"loss": step * 1.0}, step=step)
        if step % 500 == 499:  # what nobody takes is dropped
            assert until(functools.partial(known, client, step))
    before = freak.server_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert until(lambda: freak.server_pid not in (None, before))
    steps = [point[0] for point in until(lambda: client.series("loss", max_points=100_000)["loss"])]
    assert (steps[0], steps[-1]) == (0, 4999)
    assert steps == sorted(set(steps))
    assert steps[-2000:] == list(range(3000, 5000))
    assert 200 < len(steps) <= 2500
    assert max(b - a for a, b in itertools.pairwise(steps)) < 50


def test_a_name_for_every_sample_does_not_fill_the_memory() -> None:
    series = Series()
    for number in range(MOST_METRICS + 100):
        series.note(number, 0.0, {f"sample-{number}": 1.0, "loss": 1.0})
    assert len(series.copy()) == MOST_METRICS
    assert len(series.copy(["loss"])["loss"].points) > 50
