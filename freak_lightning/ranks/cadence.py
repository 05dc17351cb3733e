"""The cadence: how many optimizer steps lie between two agreements of the ranks."""

import math
import time
from collections import deque
from statistics import median
from typing import Literal

from freak_lightning.ranks.collectives import Collectives, Decision

Sync = int | Literal["epoch", "auto"]
"""Every so many optimizer steps, once an epoch, or as often as the budget allows."""

_BUDGET = 0.0025
"""The share of step time that agreements may cost with ``sync="auto"``: half of Freak's whole share."""

_LONGEST = 1000
"""The most optimizer steps between two agreements with ``sync="auto"``."""

_SAMPLES, _ENOUGH = 64, 8
"""How many steps with and without an agreement are remembered, and how many of each are enough."""

_NEAR = 3
"""How many steps before an agreement the clock is read again, to time steps without an agreement."""


class Cadence:
    """Counts the optimizer steps to the next agreement; equal on all ranks, which use rank zero's proposal.

    An agreement costs more than its call takes on rank zero: the other ranks wait for rank zero's decision,
    and all ranks wait for them at the next gradient. So the time of steps with an agreement is compared with
    that of the steps just before, without one. Medians are compared: a validation, a checkpoint or a slow
    batch in between must not count.

    Args:
        sync: every so many steps; ``"epoch"`` for the last step of an epoch only; ``"auto"`` for as often
            as keeps the cost of agreements under 0.25% of the time of a step.
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
        """Return True, and count one optimizer step, if the next agreement is far: the cheapest path."""
        if self._agreed or self._left <= _NEAR:
            return False
        self._left -= 1
        self._seen = None
        return True

    def due(self, last_batch: bool) -> bool:
        """Count one optimizer step; return whether the ranks agree now."""
        now = time.perf_counter()
        if self._seen is not None:
            (self._with if self._agreed else self._without).append(now - self._seen)
        self._seen = None if last_batch else now  # the time between two epochs is not a step's
        self._agreed = False
        self._left -= 1
        return self._left <= 0 or last_batch

    def proposal(self) -> int:
        """Return how many steps later the next agreement should be; rank zero's proposal is used."""
        if self._sync == "epoch":
            return 2**40
        if isinstance(self._sync, int):
            return self._sync
        if min(len(self._with), len(self._without)) < _ENOUGH:
            return 2
        every = max(1, min(_LONGEST, math.ceil(self._cost() / (_BUDGET * median(self._without)))))
        self._in_a_row = self._in_a_row + 1 if every == 1 else 0
        # Now and then one step without an agreement is timed.
        return 2 if self._in_a_row % _SAMPLES == _SAMPLES - 1 else every

    def exchange(self, collectives: Collectives, decision: Decision, sooner: int | None = None) -> Decision:
        """Return rank zero's decision. All ranks must call it.

        Args:
            collectives: what the ranks exchange it with.
            decision: rank zero's decision; the other ranks' is not used.
            sooner: rank zero's wish for the steps to the next agreement, if it is to come before the usual.
        """
        usual = self.proposal()
        started = time.perf_counter()
        shared, next_in = collectives.broadcast(decision, usual if sooner is None else min(usual, sooner))
        self.agreed(next_in, None if shared else time.perf_counter() - started)
        return shared

    def agreed(self, next_in: int, took: float | None = None) -> None:
        """Record the steps to the next agreement, and the seconds of the call if there were no requests."""
        self._left = next_in
        self._agreed = True
        if took is None:
            self._seen = None  # the requests made the step longer
        else:
            self._took.append(took)

    def _cost(self) -> float:
        """Return the seconds that an agreement adds to a step, within 1 to 5 times those of the call.

        Long steps of uneven length are noisy: the bounds keep the noise out.
        """
        took = median(self._took)
        return max(took, min(5 * took, median(self._with) - median(self._without)))
