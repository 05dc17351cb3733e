"""Replayed requests: those of a journal, at the control points at which they were applied."""

import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from freak_core import Entry, Store, Write
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import Trainer, rank_zero_warn, version_of

BY = "replay"
"""Who asked, in the receipts of a replay."""


class ReplayedRequests:
    """Requests from a journal; every rank has them all, so there is nothing to agree on.

    Args:
        trainer: the fit that repeats.
        store: where rank zero writes receipts.
        journal: the journal's lines of one run.
    """

    live = False
    """Whether more may come while training stands still."""

    def __init__(self, trainer: Trainer, store: Store, journal: Sequence[dict[str, Any]]) -> None:
        self._trainer = trainer
        self._store = store
        self._journal = journal
        self._entries = [line for line in journal if is_replayed(line)]
        store.closed = "this run replays a journal and takes no live requests"
        for difference in self.differences():
            rank_zero_warn(f"this replay differs from the journal's run in {difference}")

    def wake_with(self, wake: Callable[[], None]) -> bool:
        """Return False: every step must be looked at."""
        return False

    @property
    def waiting(self) -> bool:
        """False: each request has its step."""
        return False

    def skip(self) -> bool:
        """Skip no step."""
        return False

    def due(self, *, last_batch: bool) -> bool:
        """Return whether the journal has requests for this step."""
        step = self._trainer.global_step
        return any(entry["applied"]["step"] == step for entry in self._entries)

    def at(self, point: Point) -> list[Entry]:
        """Return the requests that were applied at this point."""
        here = [entry for entry in self._entries if _was_at(entry, point)]
        self._entries = [entry for entry in self._entries if entry not in here]
        writes = [Write.from_receipt(entry) for entry in here]
        return [Entry(self._store.admit(write, by=BY), write) for write in writes]

    def at_epoch_end(self, point: Point) -> list[Entry]:
        """Return the requests that were applied at the end of the epoch."""
        return self.at(point)

    def at_train_end(self, point: Point) -> list[Entry]:
        """Return the requests that were applied when training was over."""
        return self.at(point)

    def at_beat(self) -> list[Entry]:
        """Return nothing: a replay does not pause."""
        return []

    def left_over(self) -> int:
        """Return how many requests were never reached."""
        return len(self._entries)

    def differences(self) -> list[str]:
        """Return how this run differs from the journal's, so that the weights may differ too."""
        before = next((line for line in self._journal if line.get("phase") == "starting"), {})
        now = facts_of(self._trainer)
        names = [name for name in now if name in before]
        return [
            f"{name}: {before[name]} then, {now[name]} now" for name in names if before[name] != now[name]
        ]


def facts_of(trainer: Trainer) -> dict[str, object]:
    """Return what a replay must have in common with the run it repeats."""
    return {
        "world_size": trainer.world_size,
        "max_epochs": trainer.max_epochs,
        "max_steps": trainer.max_steps,
        "versions": {
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            "lightning": version_of(trainer),
        },
    }


def is_replayed(line: dict[str, object]) -> bool:
    """Return whether a journal's line is a request to repeat: one that was applied and was not our own."""
    return line.get("status") == "applied" and line.get("by") != "freak" and bool(line.get("applied"))


def _was_at(entry: dict[str, Any], point: Point) -> bool:
    applied = entry["applied"]
    there = (applied["step"], applied["point"], applied.get("batch"))
    return there == (point.step, point.kind, point.batch)
