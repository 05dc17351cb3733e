"""Starts programs in a home of their own, and sees that none leaves anything behind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.program import Program, all_servers
from tests.waiting import eventually

Start = Callable[..., Program]


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that holds every FREAK_HOME of these tests; at the end no server of theirs may live."""
    folder = tmp_path_factory.mktemp("homes")

    def ours() -> list[int]:
        return [pid for pid in all_servers() if str(folder).encode() in _environment(pid)]

    yield folder
    eventually(lambda: not ours(), what=f"the end of every server process: {ours()}")


@pytest.fixture
def start(homes: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a program; it and all that belongs to it is gone after the test."""
    home = homes / tmp_path.name
    home.mkdir()
    with ExitStack() as stack:

        def start(body: str, **environment: str) -> Program:
            return stack.enter_context(Program(body, home, **environment))

        yield start


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
