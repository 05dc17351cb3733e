"""Replay: the requests of a journal once more, at the very steps at which they were applied."""

import json
import os
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from freak_core import ConfigurationError, Entry, Store, Write, read_journal
from freak_lightning.control import ControlCallback
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import Trainer, rank_zero_warn, version_of

BY = "replay"

WITHHELD = "**********"
"""What a journal has in place of secrets."""


class Replay(ControlCallback):
    """Repeats a steered run: the journal's requests, at the same steps, and no live ones (409).

    With the same code, data, seed and world size the weights are the same to the bit. What differs from
    the journal's run is told as a warning.

    Args:
        journal: the journal of the run to repeat; of several runs in it, the last.
    """

    def __init__(self, journal: str | os.PathLike[str]) -> None:
        super().__init__()
        self.journal = journal

    def read(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Return the journal's lines as rank zero reads them. Every rank must call it.

        Raises:
            ConfigurationError: on all ranks, it cannot be read or repeated.
        """
        lines: list[dict[str, Any]] = []
        error: str | None = None
        if trainer.is_global_zero:
            try:
                lines = read_last_run(self.journal)
            except ConfigurationError as unreadable:
                error = str(unreadable)
        lines, error = json.loads(trainer.strategy.broadcast(json.dumps([lines, error]), src=0))
        if error is not None:
            raise ConfigurationError(error)
        return lines


class ReplayedRequests:
    """Requests from a journal; every rank has them all, so there is nothing to agree on.

    Args:
        trainer: the fit that repeats.
        store: where rank zero writes receipts.
        journal: the journal's lines of one run.
    """

    live = False
    """Whether more may come while training stands still."""

    def __init__(self, trainer: Trainer, store: Store, journal: list[dict[str, Any]]) -> None:
        self._trainer = trainer
        self._store = store
        self._journal = journal
        self._entries = [line for line in journal if _to_repeat(line)]
        store.closed = "this run replays a journal and takes no live requests"
        for difference in self.differences():
            rank_zero_warn(f"this replay differs from the journal's run in {difference}")

    def wake_with(self, wake: Callable[[], None]) -> bool:
        """Say that every step has to be looked at."""
        return False

    @property
    def waiting(self) -> bool:
        """Nothing waits: what there is has its step."""
        return False

    def skip(self) -> bool:
        """Skip no step."""
        return False

    def due(self, *, last_batch: bool) -> bool:
        """Whether the journal has requests for this step."""
        step = self._trainer.global_step
        return any(entry["applied"]["step"] == step for entry in self._entries)

    def at(self, point: Point) -> list[Entry]:
        """Return what was done at this point."""
        here = [entry for entry in self._entries if _was_at(entry, point)]
        self._entries = [entry for entry in self._entries if entry not in here]
        writes = [Write.from_receipt(entry) for entry in here]
        return [Entry(self._store.admit(write, by=BY), write) for write in writes]

    def at_epoch_end(self, point: Point) -> list[Entry]:
        """Return what was done at the end of the epoch."""
        return self.at(point)

    def at_train_end(self, point: Point) -> list[Entry]:
        """Return what was done when training was over."""
        return self.at(point)

    def at_beat(self) -> list[Entry]:
        """Return nothing: a replay does not pause."""
        return []

    def left_over(self) -> int:
        """Return how many requests were never reached."""
        return len(self._entries)

    def differences(self) -> list[str]:
        """Say what differs from the journal's run, so that the weights may, too."""
        before = next((line for line in self._journal if line.get("phase") == "starting"), {})
        now = facts_of(self._trainer)
        names = [name for name in now if name in before]
        return [
            f"{name}: {before[name]} then, {now[name]} now" for name in names if before[name] != now[name]
        ]


def facts_of(trainer: Trainer) -> dict[str, Any]:
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


def read_last_run(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the lines of the last run in a journal.

    Raises:
        ConfigurationError: it cannot be read, is none, or has a request that cannot be repeated.
    """
    try:
        lines = list(read_journal(Path(path)))
    except OSError as error:
        raise ConfigurationError(f"the journal {path} cannot be read: {error}") from error
    starts = [number for number, line in enumerate(lines) if "freak_journal" in line]
    if not starts:
        raise ConfigurationError(f"{path} is no journal of Freak")
    run = lines[starts[-1] :]
    for line in run:
        if _to_repeat(line) and WITHHELD in json.dumps(line["asked"]):
            raise ConfigurationError(f"request #{line['seq']} is not told in full: it may hold secrets")
    return run


def _to_repeat(line: dict[str, Any]) -> bool:
    return line.get("status") == "applied" and line.get("by") != "freak" and bool(line.get("applied"))


def _was_at(entry: dict[str, Any], point: Point) -> bool:
    applied = entry["applied"]
    there = (applied["step"], applied["point"], applied.get("batch"))
    return there == (point.step, point.kind, point.batch)
