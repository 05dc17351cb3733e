"""The progress rate: steps per second, time to the end, and whether the program has stalled."""

import time
from collections import deque
from collections.abc import Mapping

from freak_core.phases import ENDED

WINDOW = 60.0
"""Seconds over which steps are counted; longer for a program whose steps take longer."""

STANDING = "paused"
"""The phase whose time does not count. Validation counts, since more of it lies ahead."""


class Pace:
    """Computes steps per second from the progress that the program reports."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque(maxlen=1000)
        self._last: float | None = None
        self._stands_since: float | None = None
        self._stood = 0.0

    def note(self, step: int | None) -> None:
        """Note that the program has reported its progress."""
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
        """Note that the program has reported its phase; None is no phase."""
        if phase is None:
            return
        if self._stands_since is not None:
            self._stood += time.monotonic() - self._stands_since
        self._stands_since = time.monotonic() if phase == STANDING else None

    def facts(self, run: Mapping[str, object]) -> dict[str, object]:
        """Return ``steps_per_second``, ``seconds_since_progress``, ``stalled`` and ``eta_s``.

        ``eta_s`` is in seconds: computed if the program has reported ``total_steps``, else its own estimate.
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
        """Return the monotonic time in seconds, less the time for which the program was paused."""
        now = time.monotonic() if self._stands_since is None else self._stands_since
        return now - self._stood

    def _rate(self) -> float | None:
        # The first mark may stand for steps done before counting began: the second one is the first to count.
        if len(self._marks) < 3:
            return None
        (t0, s0), (t1, s1) = self._marks[1], self._marks[-1]
        return (s1 - s0) / (t1 - t0) if t1 - t0 >= 1.0 else None

    @staticmethod
    def _eta(run: Mapping[str, object], rate: float | None) -> object:
        total, step = run.get("total_steps"), run.get("step")
        if rate and isinstance(total, int | float) and isinstance(step, int | float):
            return max(0.0, (total - step) / rate)
        return run.get("eta_s")
