"""In a notebook, cells are executed again: the run that a cell started before makes room for the new one."""

import sys
import types
from typing import Any

import pytest
from pydantic import BaseModel

from freak_core import ConfigurationError, Freak
from tests.core.conftest import Serve


class Tuned(BaseModel):
    lr: float = 0.1


class Shell:
    """As much of IPython's shell as tells one cell from another."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.cell_id = "one"

    def get_parent(self) -> dict[str, Any]:
        return {"metadata": {"cellId": self.cell_id}}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A notebook that executes a cell."""
    shell = Shell()
    ipython = types.ModuleType("IPython")
    monkeypatch.setattr(ipython, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return shell


def test_the_same_cell_again_ends_the_run_of_its_name(served: Serve, shell: Shell) -> None:
    first = served(Tuned(), name="mine")
    second = served(Tuned(), name="mine")
    assert (first.running, second.running) == (False, True)
    assert first.ended is not None
    assert (first.ended.phase, first.ended.stopped_by) == ("stopped", "program")
    shell.cell_id = "two"
    third = served(Tuned(), name="mine")
    assert (second.running, third.running) == (True, True)
    assert served(Tuned(), name="other").running
    assert third.running


def test_the_same_state_again_ends_its_run_in_whatever_cell(served: Serve, shell: Shell) -> None:
    state = Tuned()
    first = served(state, name="first")
    shell.cell_id = "two"
    second = served(state, name="second")
    assert (first.running, second.running) == (False, True)
    assert served(state, freak=second) is second
    assert second.running


def test_outside_of_a_notebook_nothing_is_ended(served: Serve) -> None:
    first = served(Tuned(), name="mine")
    served(Tuned(), name="mine")
    assert first.running
    with pytest.raises(ConfigurationError, match="already"):
        Freak(port=0).control(first.store.model)
