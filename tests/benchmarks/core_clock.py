"""The core clock: wall time on one core, and the same without what other programs took of it."""

import os
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Reading(NamedTuple):
    """Seconds that have passed, those in which no other program had the core, and those of waiting for it."""

    wall: float
    undisturbed: float
    waited: float

    def since(self, earlier: "Reading") -> "Reading":
        return Reading(*(late - early for late, early in zip(self, earlier, strict=True)))


class CoreClock:
    """Pins the threads of this process to a core, and tells how long they had it.

    The kernel counts how long a thread that could run had to wait for its core. What this process's own
    other threads ran meanwhile is a cost of theirs; the rest of the waiting is somebody else's fault.
    Waiting for the GIL, for a lock or for a pipe is not counted: such a thread could not run. Where the
    thread sleeps while others of its process run, as in a collective, ``undisturbed`` is wrong.

    Args:
        but: threads whose names start with this stay where they are.
    """

    def __init__(self, core: int, *, but: str | None = None) -> None:
        spared = {thread.native_id for thread in threading.enumerate() if but and thread.name.startswith(but)}
        pinned = {int(thread.name) for thread in Path("/proc/self/task").iterdir()} - spared
        for thread_id in pinned:
            os.sched_setaffinity(thread_id, {core})
        self._mine = threading.get_native_id()
        self._others = pinned - {self._mine}

    def read(self) -> Reading:
        """Return where the clock stands; call it on the thread that made it."""
        wall = time.perf_counter()
        _, waited = _ran_and_waited(self._mine)
        ran = sum(_ran_and_waited(thread_id)[0] for thread_id in self._others)
        return Reading(wall, wall - waited + ran, waited)


def _ran_and_waited(thread_id: int) -> tuple[float, float]:
    try:
        ran, waited, _ = Path(f"/proc/self/task/{thread_id}/schedstat").read_text().split()
    except OSError:  # the thread has ended, or this is a kernel without the figures
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9
