"""Pace: how fast the program goes, and how long it will take."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from freak_core.phases import ENDED

WINDOW = 60.0
"""Seconds of going on that the pace is measured over, or the last steps of a slower program."""

STANDING = "paused"
"""The phase whose time does not count. A validation's does: the way to the end has more of them."""


class Pace:
    """Steps per second, from the progress that the program tells."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque(maxlen=1000)
        self._last: float | None = None
        self._stands_since: float | None = None
        self._stood = 0.0

    def note(self, step: int | None) -> None:
        """Note that the program has told its progress."""
        self._last = time.monotonic()
        marks, now = self._marks, self._going()
        if step is None or (marks and step == marks[-1][1]):
            return
        if marks and step < marks[-1][1]:
            marks.clear()
        marks.append((now, step))
        while len(marks) > 3 and now - marks[1][0] > WINDOW:
            marks.popleft()

    def enter(self, phase: str | None) -> None:
        """Note that the program has told its phase; None tells nothing."""
        if phase is None:
            return
        if self._stands_since is not None:
            self._stood += time.monotonic() - self._stands_since
        self._stands_since = time.monotonic() if phase == STANDING else None

    def facts(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return steps per second, seconds since the last progress, whether that is long, and to the end.

        ``eta_s`` is counted from ``total_steps`` where the program told it, else what the program told.
        """
        idle = None if self._last is None else time.monotonic() - self._last
        rate = self._rate()
        patience = max(60.0, 20.0 / rate) if rate else 60.0
        going = run.get("phase") not in ENDED
        return {
            "steps_per_second": rate,
            "seconds_since_progress": idle,
            "stalled": going and idle is not None and idle > patience,
            "eta_s": self._eta(run, rate) if going else None,
        }

    def _going(self) -> float:
        """Return the time in seconds, without that in which the program stood."""
        now = time.monotonic() if self._stands_since is None else self._stands_since
        return now - self._stood

    def _rate(self) -> float | None:
        # The first mark holds what was done before anyone counted: the pace begins at the second.
        if len(self._marks) < 3:
            return None
        (t0, s0), (t1, s1) = self._marks[1], self._marks[-1]
        return (s1 - s0) / (t1 - t0) if t1 - t0 >= 1.0 else None

    @staticmethod
    def _eta(run: Mapping[str, Any], rate: float | None) -> Any:
        total, step = run.get("total_steps"), run.get("step")
        if rate and isinstance(total, int | float) and isinstance(step, int | float):
            return max(0.0, (total - step) / rate)
        return run.get("eta_s")
