"""The heartbeat: ranks go on agreeing while training stands still, so that no collective times out."""

import time

from freak_lightning.ranks.collectives import Collectives

PERIOD = 0.25
"""Seconds between two heartbeats: what a request waits, and far less than any collective's timeout."""

SIGTERM = "SIGTERM"

INTERRUPT = "interrupt"
"""The reason to go on that takes precedence over all others: all ranks end."""

_REASONS = ("validation", "control", SIGTERM, INTERRUPT)
"""Why ranks go on; a later one takes precedence."""


def heartbeat(collectives: Collectives, reason: str | None) -> str | None:
    """Send one heartbeat; return a reason to go on that some rank has, or None a ``PERIOD`` later.

    Every rank must call it, with a reason of its own to go on or None. All ranks get the same answer:
    INTERRUPT if any rank says so, else SIGTERM if any rank has received it, else ``"control"`` if any rank
    says so, else ``"validation"``.
    """
    mine = 0 if reason is None else 1 << _REASONS.index(reason)
    united = collectives.union(mine, len(_REASONS))
    if not united:
        time.sleep(PERIOD)
        return None
    return _REASONS[united.bit_length() - 1]
