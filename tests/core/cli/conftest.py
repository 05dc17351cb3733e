"""Fixtures: a program that is really served, the only one in its home."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from freak_core import Freak
from tests.core.cli.shell import freak
from tests.core.steered import Steered


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Freak]:
    """A program with two actions, the only one in its home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("FREAK_TOKEN", "FREAK_RUN", "FREAK_PORT", "DISPLAY", "SSH_CONNECTION"):
            patch.delenv(name, raising=False)
        served = Freak(port=0, name="prog")
        served.action(add)
        served.action(fail)
        with served.control(Steered(password=SecretStr("hush"))):
            yield served


def add(one: int, label: str = "") -> str:
    """Add one."""
    return f"{label}{one + 1}"


def fail() -> None:
    raise ValueError("it broke")


@pytest.fixture
def state(program: Freak) -> Steered:
    """The state of ``program``, as it was at first."""
    freak("reset", "--yes")
    model = program.store.model
    assert isinstance(model, Steered)
    return model
