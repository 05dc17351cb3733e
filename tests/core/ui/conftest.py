"""Fixtures: ``freak ui`` as a process, and runs for it to show."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from freak_core import Freak
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.test_tls import certificate
from tests.core.ui.process import Ui

__all__ = ["certificate"]

Shown = Callable[..., Ui]


@pytest.fixture
def start(home: Path, closing: ExitStack) -> Shown:
    """Return a function that starts ``freak ui`` until the end of the test."""
    return lambda *options: closing.enter_context(Ui(home, *options))


@pytest.fixture
def ui(start: Shown) -> Ui:
    """``freak ui`` of the home of the test."""
    return start()


@pytest.fixture
def ended(served: Serve) -> Freak:
    """A run that has failed at step 49."""
    program = recorded(served(name="past"))
    for step in range(50):
        program.publish(step=step, epoch=step // 10, loss=step / 10)
    program.stop(RuntimeError("it broke"))
    return program
