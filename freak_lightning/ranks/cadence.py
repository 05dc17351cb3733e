"""The cadence: how many optimizer steps lie between the points at which ranks agree."""

import math
import time
from collections import deque
from statistics import median
from typing import Literal

Sync = int | Literal["epoch", "auto"]

_BUDGET = 0.0025
"""The share of step time that agreeing may cost with ``sync="auto"``: half of what all of it may."""

_LONGEST = 1000
"""Control points are at most this many optimizer steps apart with ``sync="auto"``."""

_SAMPLES, _ENOUGH = 64, 8
"""Steps that are remembered with and without an agreement, and how many are enough to go by."""

_NEAR = 3
"""How many steps before a point the clock is read again, to see a step without an agreement."""


class Cadence:
    """When the next control point is, in optimizer steps; equal on all ranks, since rank zero's is shared.

    What agreeing costs is more than the call takes on rank zero: the other ranks wait for its decision, and
    everyone waits for them at the next gradient. So steps with an agreement are compared with steps without,
    of those just before.
    Medians, as a validation, a checkpoint or a slow batch in between must not count.

    Args:
        sync: every so many steps; ``"epoch"`` for the last step of an epoch only; ``"auto"`` for as often
            as keeps the cost of agreeing under 0.25% of the time of a step.
    """

    def __init__(self, sync: Sync) -> None:
        self._sync = sync
        self._left = 1
        self._with: deque[float] = deque(maxlen=_SAMPLES)
        self._without: deque[float] = deque(maxlen=_SAMPLES)
        self._took: deque[float] = deque(maxlen=_SAMPLES)
        self._seen: float | None = None
        self._agreed = False
        self._in_a_row = 0

    def skip(self) -> bool:
        """Count one optimizer step and say so, if the next point is far: that costs next to nothing."""
        if self._agreed or self._left <= _NEAR:
            return False
        self._left -= 1
        self._seen = None
        return True

    def due(self, last_batch: bool) -> bool:
        """Count one optimizer step and say whether the ranks shall agree now."""
        now = time.perf_counter()
        if self._seen is not None:
            (self._with if self._agreed else self._without).append(now - self._seen)
        self._seen = None if last_batch else now  # what comes between epochs is no part of a step
        self._agreed = False
        self._left -= 1
        return self._left <= 0 or last_batch

    def proposal(self) -> int:
        """Return, on rank zero, how many steps on the next point shall be."""
        if self._sync == "epoch":
            return 2**40
        if isinstance(self._sync, int):
            return self._sync
        if min(len(self._with), len(self._without)) < _ENOUGH:
            return 2
        every = max(1, min(_LONGEST, math.ceil(self._cost() / (_BUDGET * median(self._without)))))
        self._in_a_row = self._in_a_row + 1 if every == 1 else 0
        return 2 if self._in_a_row % _SAMPLES == _SAMPLES - 1 else every  # to see a step without, at times

    def agreed(self, next_in: int, took: float | None = None) -> None:
        """Note the next point, and how many seconds agreeing took here, where there was nothing to do."""
        self._left = next_in
        self._agreed = True
        if took is None:
            self._seen = None  # the step took longer for other reasons
        else:
            self._took.append(took)

    def _cost(self) -> float:
        """Return the seconds that an agreement adds to a step, between 1 and 5 times what the call takes.

        The bounds keep out the noise of long steps of uneven length.
        """
        took = median(self._took)
        return max(took, min(5 * took, median(self._with) - median(self._without)))
