"""The cadence: how many optimizer steps lie between two agreements of the ranks."""

import time
from typing import Literal

from freak_lightning.ranks.collectives import Collectives, Decision

Sync = int | Literal["epoch", "auto"]
"""Every so many optimizer steps, once an epoch, or several times a second."""

_AIM = 0.125
"""Seconds between two agreements with ``sync="auto"``: half of what a request may wait, as steps vary."""

_LONGEST = 256
"""The most optimizer steps between two agreements with ``sync="auto"``."""


class Cadence:
    """Counts the optimizer steps to the next agreement; equal on all ranks, which use rank zero's proposal.

    With ``sync="auto"`` a step's time is taken as the mean since the last agreement, so that stalls, slow
    ranks and validations count as they come. As long as step times stay within a factor of two, agreements
    are 0.25 s apart or less, or one step if that is longer. After a jump in step time one interval is too
    long: it was counted in steps of the former length, and has 256 steps at most.

    Args:
        sync: every so many steps; ``"epoch"`` for the last step of an epoch only; ``"auto"`` for four to
            eight times a second, or after every step where steps are longer.
    """

    def __init__(self, sync: Sync) -> None:
        self._sync = sync
        self._left = 1
        self._counted = 0
        self._since: float | None = None

    def skip(self) -> bool:
        """Return True, and count one optimizer step, if the next agreement is not due: the cheapest path."""
        if self._left <= 1:
            return False
        self._left -= 1
        self._counted += 1
        return True

    def due(self, last_batch: bool) -> bool:
        """Count one optimizer step; return whether the ranks agree now."""
        self._left -= 1
        self._counted += 1
        return self._left <= 0 or last_batch

    def proposal(self) -> int:
        """Return how many steps later the next agreement should be; rank zero's proposal is used."""
        if self._sync == "epoch":
            return 2**40
        if isinstance(self._sync, int):
            return self._sync
        if self._since is None or not self._counted:
            return 1
        step = (time.perf_counter() - self._since) / self._counted
        return max(1, min(_LONGEST, int(_AIM / max(step, 1e-9))))

    def exchange(self, collectives: Collectives, decision: Decision, sooner: int | None = None) -> Decision:
        """Return rank zero's decision. All ranks must call it.

        Args:
            collectives: what the ranks exchange it with.
            decision: rank zero's decision; the other ranks' is not used.
            sooner: rank zero's wish for the steps to the next agreement, if it is to come before the usual.
        """
        usual = self.proposal()
        shared, next_in = collectives.broadcast(decision, usual if sooner is None else min(usual, sooner))
        self.agreed(next_in)
        return shared

    def agreed(self, next_in: int) -> None:
        """Record the steps to the next agreement."""
        self._left = next_in
        self._counted = 0
        self._since = time.perf_counter()
