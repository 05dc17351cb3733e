"""What the server knows of the program is of one moment."""

import itertools
import threading

import pytest

from freak_core.server.mirror.mirror import Mirror


class Interrupted:
    """A lock after whose first release another thread gets in at once."""

    def __init__(self) -> None:
        self.mirror: Mirror | None = None
        self._lock, self._left = threading.Lock(), False

    def __enter__(self) -> None:
        self._lock.acquire(timeout=60)

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if self.mirror is not None and not self._left:
            self._left = True
            self.mirror.receive({"type": "event", "event": "run", "seq": 1, "data": {"phase": "testing"}})


def test_a_snapshot_is_of_the_moment_that_its_number_says(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Interrupted()
    with monkeypatch.context() as patch:
        patch.setattr(threading, "Lock", lambda: lock)
        mirror = Mirror(lambda _: None)
    lock.mirror = mirror
    seq, snapshot = mirror.snapshot()
    assert (seq, snapshot["run"].get("phase")) == (0, None)
    seq, snapshot = mirror.snapshot()
    assert (seq, snapshot["run"].get("phase")) == (1, "testing")


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("told", ["run", "progress"])
def test_a_pause_is_no_part_of_the_pace_however_the_mirror_hears_of_it(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten steps a second, and a pause of 1,000 seconds between them."""
    clock, seq = Clock(), itertools.count(1)
    monkeypatch.setattr("freak_core.server.mirror.progress_rate.time", clock)
    mirror = Mirror(lambda _: None)

    def tell(event: str, **data: object) -> None:
        mirror.receive({"type": "event", "event": event, "seq": next(seq), "data": data})

    for step in range(100):
        tell("progress", step=step, phase="training")
        clock.now += 0.1
    assert mirror.run_info()["steps_per_second"] == pytest.approx(10)
    tell(told, phase="paused")
    clock.now += 1000
    for step in range(100, 102):
        tell("progress", step=step, phase="training")
    assert mirror.run_info()["steps_per_second"] == pytest.approx(10, rel=0.1)
