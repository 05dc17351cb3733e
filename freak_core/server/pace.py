"""Pace: how fast the program goes, and how long it will take."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from freak_core.wire import ENDED


class Pace:
    """Steps per second, from the progress that the program tells."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque(maxlen=50)
        self._last: float | None = None

    def note(self, step: int | None) -> None:
        """Note that the program has told its progress."""
        self._last = time.monotonic()
        if step is not None:
            if self._marks and step < self._marks[-1][1]:
                self._marks.clear()
            self._marks.append((self._last, step))

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

    def _rate(self) -> float | None:
        if len(self._marks) < 2 or self._marks[-1][0] <= self._marks[0][0]:
            return None
        (t0, s0), (t1, s1) = self._marks[0], self._marks[-1]
        return (s1 - s0) / (t1 - t0)

    @staticmethod
    def _eta(run: Mapping[str, Any], rate: float | None) -> Any:
        total, step = run.get("total_steps"), run.get("step")
        if rate and isinstance(total, int | float) and isinstance(step, int | float):
            return max(0.0, (total - step) / rate)
        return run.get("eta_s")
