"""What the server knows of the program is of one moment."""

import threading

from freak_core.server.mirror.mirror import Mirror


class Interrupted:
    """A lock after whose first release another thread gets in at once."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror, self._lock, self._left = mirror, threading.Lock(), False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if not self._left:
            self._left = True
            self._mirror.receive({"type": "event", "event": "run", "seq": 1, "data": {"phase": "testing"}})


def test_a_snapshot_is_of_the_moment_that_its_number_says() -> None:
    mirror = Mirror(lambda _: None)
    mirror._lock = Interrupted(mirror)  # type: ignore[assignment]
    seq, snapshot = mirror.snapshot()
    assert (seq, snapshot["run"].get("phase")) == (0, None)
    seq, snapshot = mirror.snapshot()
    assert (seq, snapshot["run"].get("phase")) == (1, "testing")
