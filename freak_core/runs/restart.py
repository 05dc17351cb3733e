"""The restart: torchrun starts a program again that has failed, and the new run takes the place of the old.

    <home>/runs/<id>/restart.json    mode 0600: where the run was, its tokens, and which torchrun started it

It is written only where torchrun has started the program. A run that ends well removes it. Else it stays
until a run of the same name and rank has taken the place of the old one, or torchrun has ended.
"""

import contextlib
import os
from collections.abc import Iterator

from freak_core.runs.process import Process, launcher_that_sets
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import RunFolder, runs_folder
from freak_core.runs.user_owned_file import read_own

FILE = "restart.json"

_VARIABLE = "TORCHELASTIC_RUN_ID"
"""torchrun sets it for its workers."""


class Left(Run):
    """A run that torchrun may start again."""

    torchrun: Process
    rank: str

    def forget(self) -> None:
        """Remove what was left: another run has taken its place, or none will."""
        forget(self.id)


def leave(run: Run) -> None:
    """Write down what the next run takes over, if torchrun has started this one; never raises."""
    torchrun = launcher_that_sets(_VARIABLE)
    if torchrun is not None:
        left = Left(**run.model_dump(), torchrun=torchrun, rank=_rank())
        with contextlib.suppress(OSError):
            RunFolder(run.id).write_secret(FILE, left.model_dump_json())


def left_behind(name: str) -> Left | None:
    """Return the run of this name and rank that has ended under the torchrun that started this process."""
    torchrun = launcher_that_sets(_VARIABLE)
    if torchrun is None:
        return None
    found = [
        left
        for left in _all()
        if (left.torchrun, left.name, left.rank) == (torchrun, name, _rank())
        and left.process.is_running() is False
    ]
    return min(found, key=lambda left: left.started_at, default=None)


def forget(run_id: str) -> None:
    """Remove what a run has left for the next one, if anything."""
    folder = RunFolder(run_id).path
    with contextlib.suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)
        folder.rmdir()  # raises if the journal is there


def forget_all_without_torchrun() -> None:
    """Remove what no run will take over, since torchrun has ended."""
    for left in _all():
        if left.torchrun.is_running() is False:
            left.forget()


def _all() -> Iterator[Left]:
    for path in runs_folder().glob(f"*/{FILE}"):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            yield Left.model_validate_json(read_own(path))


def _rank() -> str:
    return os.environ.get("RANK", "")
