"""The history of the metrics, over HTTP and thinned out."""

import math
import time

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from freak_core import Client, Freak
from freak_core.server.series import Series, thinned

points = st.lists(
    st.tuples(st.integers(0, 10**6), st.floats(0, 1e9), st.floats(allow_nan=False, allow_infinity=False)),
    max_size=300,
)


@given(points, st.integers(3, 50))
def test_thinning_keeps_the_peaks_and_the_order(given: list[tuple[int, float, float]], at_most: int) -> None:
    kept = thinned(list(given), at_most)
    assert len(kept) <= at_most
    values = [point[2] for point in given]
    if given:
        assert min(values) in [point[2] for point in kept]
        assert max(values) in [point[2] for point in kept]
    rest = iter(given)
    assert all(any(point == other for other in rest) for point in kept)


def test_old_points_are_thinned_out_when_there_are_too_many() -> None:
    series = Series(keep=1000)
    for step in range(10_000):
        series.note(step, 0.0, {"loss": math.sin(step / 500)})
    kept = series.read(None, -1, 100_000)["loss"]
    assert len(kept) <= 1000
    assert kept[-1][0] == 9999
    assert kept[0][0] == 0


class Empty(BaseModel):
    pass


def test_what_the_program_publishes_is_in_the_series(home: object) -> None:
    with Freak(port=0).control(Empty()) as freak, Client(freak.link) as client:
        for step in range(20):
            freak.log({"train/loss": 1 / (step + 1), "epoch": 0.0}, step=step)
        freak.publish(step=20, nan=float("nan"))
        deadline = time.monotonic() + 20
        while "nan" not in (series := client.series()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [point[0] for point in series["train/loss"]] == list(range(20))
        assert series["nan"][0][2] is None
        assert set(series) == {"train/loss", "epoch", "nan"}
        assert len(client.series("train/loss", since=9)["train/loss"]) == 10
        assert len(client.series("train/loss", max_points=4)["train/loss"]) <= 4
