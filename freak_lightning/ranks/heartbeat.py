"""The heartbeat: ranks go on agreeing while the training stands still."""

import signal
import time
from collections.abc import Callable
from typing import Protocol

from freak_lightning.ranks.collectives import Collectives
from freak_lightning.ranks.deferred_signal import DeferredSignal

PERIOD = 0.25
"""Seconds between two beats: what a request waits, and far less than any collective's timeout."""


SIGTERM = "SIGTERM"
"""The reason to go on that goes before all others."""


class SigtermFlag(Protocol):
    """Where the trainer keeps whether this rank has received SIGTERM."""

    received_sigterm: bool


class Heartbeat:
    """Keeps every rank at one point of the training, and lets all leave it together.

    Args:
        flag: the trainer's SIGTERM flag; SIGTERM ends the stay.
        collectives: how ranks agree.
        beat: what all ranks do at every beat.
        before_sigterm: what all ranks do where SIGTERM ends the stay, before it has its effect.
    """

    def __init__(
        self,
        flag: SigtermFlag,
        collectives: Collectives,
        beat: Callable[[], None],
        before_sigterm: Callable[[], None],
    ) -> None:
        self._flag = flag
        self._collectives = collectives
        self._beat = beat
        self._before_sigterm = before_sigterm

    def until(self, reason_to_go: Callable[[], str | None]) -> str:
        """Stay until any rank has a reason to go on, SIGTERM before all others; return the first.

        Every rank must call it, and where SIGTERM has come to any, every rank's handler gets it.
        """
        with DeferredSignal(signal.SIGTERM) as sigterm:
            while True:
                signalled = sigterm.came or self._flag.received_sigterm
                told = self._collectives.gather(SIGTERM if signalled else reason_to_go())
                if SIGTERM in told:
                    self._before_sigterm()
                    # By now every rank knows, so none has to pass the signal on, and all leave at this batch.
                    # Lightning's handler alone would let rank zero leave before the others have heard of it.
                    self._flag.received_sigterm = True
                    sigterm.deliver()
                    return SIGTERM
                reasons = [reason for reason in told if reason is not None]
                if reasons:
                    return reasons[0]
                time.sleep(PERIOD)
                self._beat()
