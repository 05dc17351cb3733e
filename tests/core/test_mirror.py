"""What the server knows of the program is of one moment."""

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
