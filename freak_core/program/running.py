"""The runs of this process that go on: no two of one state, none in a forked child."""

import os
from typing import Protocol

from pydantic import BaseModel

from freak_core.errors import ConfigurationError
from freak_core.phases import Ending
from freak_core.program.notebook_cell import cell
from freak_core.program.store import Store


class Run(Protocol):
    """A run that goes on; ``Freak`` is one."""

    name: str

    @property
    def store(self) -> Store:
        """The state under control."""

    def stop(self, error: Ending) -> None:
        """End the run."""

    def forget(self) -> None:
        """Let go of the run in a forked child."""


class Running:
    """The runs of this process that go on, each with the cell of a notebook that has started it."""

    def __init__(self) -> None:
        self._cells: dict[Run, str | None] = {}

    def begin(self, run: Run, state: BaseModel) -> None:
        """Make room for a run of ``state``: in a notebook it ends the runs that it replaces.

        Raises:
            ConfigurationError: another run of this process controls the state.
        """
        here = cell()
        for other, its_cell in tuple(self._cells.items()):
            same = other is run or other.store.model is state
            if here is not None and (same or (other.name, its_cell) == (run.name, here)):
                why = "control() was called again in the notebook"
                other.stop(Ending("stopped", stopped_by="program", reason=why))
            elif same and other is not run:
                whose = f"the run {other.name!r} of this program controls this state already"
                raise ConfigurationError(f"{whose}: stop() it first")

    def add(self, run: Run) -> None:
        """Note that a run has begun."""
        self._cells[run] = cell()

    def remove(self, run: Run) -> None:
        """Note that a run has ended."""
        self._cells.pop(run, None)

    def forget(self) -> None:
        """Let go, in a forked child, of what stays with the parent: threads, locks, the server."""
        for run in self._cells:
            run.forget()
        self._cells.clear()


running: Running = Running()
os.register_at_fork(after_in_child=running.forget)
