"""The cadence: how many optimizer steps lie between two agreements of the ranks."""

import time
from collections import deque
from typing import Literal

from freak_lightning.ranks.collectives import Collectives, Decision

Sync = int | Literal["epoch", "auto"]
"""Every so many optimizer steps, once an epoch, or several times a second."""

_AIM = 0.125
"""Seconds between two agreements with ``sync="auto"``: half of what a request may wait, as steps vary."""

_LONGEST = 256
"""The most optimizer steps between two agreements with ``sync="auto"``."""


_REMEMBERED = 64
"""Agreements from which the cost and the mean step time are estimated."""


class Cadence:
    """Counts the optimizer steps to the next agreement; equal on all ranks, which use rank zero's proposal.

    With ``sync="auto"`` a step is taken to last as long as the mean since the last agreement, so that stalls,
    slow ranks and validations count as they come; or as long as the last step, or the mean over the last 64
    agreements, if that was longer. As long as step times stay within a factor of two, agreements are 0.25 s
    apart or less, or one step if that is longer. After a jump in step time one interval at most is too long,
    the one in which it comes: it was counted in steps of the former length, 0.125 s of them, and has 256
    steps at most. Where stalls come again and again, the mean makes the intervals few steps long, so that an
    agreement follows soon after each stall; it costs no more of the time trained, since the stalls take most.

    Args:
        sync: every so many steps; ``"epoch"`` for the last step of an epoch only; ``"auto"`` for four to
            eight times a second, or after every step where steps are longer.
    """

    def __init__(self, sync: Sync) -> None:
        self._sync = sync
        self._left = 1
        self._counted = 0
        self._since: float | None = None
        self._ended = self._ended_before = 0.0
        self._next_in = 1
        self._took: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._past: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)

    def skip(self) -> bool:
        """Return True, and count one optimizer step, if the next agreement is not due: the cheapest path."""
        if self._left <= 1:
            return False
        self._count()
        return True

    def due(self, last_batch: bool) -> bool:
        """Count one optimizer step; return whether the ranks agree now."""
        self._count()
        return self._left <= 0 or last_batch

    def _count(self) -> None:
        self._left -= 1
        self._counted += 1
        self._ended_before, self._ended = self._ended, time.perf_counter()

    def proposal(self) -> int:
        """Return how many steps later the next agreement should be; rank zero's proposal is used."""
        if self._sync == "epoch":
            return 2**40
        if isinstance(self._sync, int):
            return self._sync
        if self._since is None or not self._counted:
            return 1
        now = time.perf_counter()
        began = self._past[0][0] if self._past else self._since
        steps = sum(counted for _, counted in self._past) + self._counted
        means = (now - self._since) / self._counted, (now - began) / steps
        step = max(*means, now - self._ended_before, 1e-9)
        return max(1, min(_LONGEST, int(_AIM / step)))

    def exchange(self, collectives: Collectives, decision: Decision, sooner: int | None = None) -> Decision:
        """Return rank zero's decision. All ranks must call it.

        Args:
            collectives: what the ranks exchange it with.
            decision: rank zero's decision; the other ranks' is not used.
            sooner: rank zero's wish for the steps to the next agreement, if it is to come before the usual.
        """
        usual = self.proposal()
        began = time.perf_counter()
        shared, next_in = collectives.broadcast(decision, usual if sooner is None else min(usual, sooner))
        self.agreed(next_in)
        self._took.append((began, time.perf_counter() - began))
        return shared

    def cost(self) -> dict[str, float] | None:
        """Return what agreeing costs this rank; None before the second agreement. Any thread may call it.

        ``every_steps``: steps between the last agreement and the next; ``milliseconds``: what an agreement
        takes, the lower quartile of the last ones, since waiting for a slow rank is no cost of agreeing;
        ``share``: that in the time trained, so 0.002 is 0.2%.
        """
        took = self._took.copy()
        if len(took) < 2:
            return None
        seconds = sorted(each for _, each in took)[len(took) // 4]
        trained = time.perf_counter() - took[0][0]
        return {
            "every_steps": self._next_in,
            "milliseconds": round(seconds * 1e3, 3),
            "share": round(seconds * len(took) / trained, 5),
        }

    def agreed(self, next_in: int) -> None:
        """Record the steps to the next agreement."""
        if self._since is not None:
            self._past.append((self._since, self._counted))
        self._left = self._next_in = next_in
        self._counted = 0
        self._since = self._ended = time.perf_counter()
