"""Replay: the requests of a journal once more, at the very steps at which they were applied."""

import json
import os
from pathlib import Path

from freak_core import ConfigurationError, read_journal
from freak_lightning.control import JournalLine
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.session.replayed_requests import is_replayed

WITHHELD = "**********"
"""What a journal has in place of secrets."""


class Replay(ControlCallback):
    """Repeats a steered run: the journal's requests, at the same steps, and no live ones (409).

    With the same code, data, seed and world size the weights are the same to the bit. A warning says how this
    run differs from the journal's.

    Args:
        journal: the journal of the run to repeat; if it holds several runs, the last one.
    """

    def __init__(self, journal: str | os.PathLike[str]) -> None:
        super().__init__()
        self.journal = journal

    def recorded_requests(self, trainer: Trainer) -> list[JournalLine]:
        """Return the journal's lines, on rank zero; the session sends them to the other ranks.

        Raises:
            ConfigurationError: the journal cannot be read or repeated.
        """
        return read_last_run(self.journal) if trainer.is_global_zero else []


def read_last_run(path: str | os.PathLike[str]) -> list[JournalLine]:
    """Return the lines of the last run in a journal.

    Raises:
        ConfigurationError: it cannot be read, is no journal, or has a request that cannot be repeated.
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
        if is_replayed(line) and WITHHELD in json.dumps(line["asked"]):
            raise ConfigurationError(f"request #{line['seq']} is masked in the journal: it may hold secrets")
    return run
