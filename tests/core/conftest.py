"""Fixtures: a state under control, served by a real server process on a port that the system chose."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from freak_core import Freak
from tests.core.steered import Steered

Serve = Callable[..., Freak]
Connect = Callable[..., httpx.Client]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Freak's folder, empty; no setting of Freak comes from the environment."""
    for name in ("FREAK_HOST", "FREAK_PORT", "FREAK_TOKEN", "FREAK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """What is entered here is closed at the end of the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def served(home: Path, closing: ExitStack) -> Serve:
    """Return a function that puts a state under control and serves it until the end of the test."""

    def serve(state: BaseModel | None = None, freak: Freak | None = None, **options: Any) -> Freak:
        freak = freak or Freak(**{"port": 0, **options})
        closing.enter_context(freak)
        return freak.control(state if state is not None else Steered(password=SecretStr("hush")))

    return serve


@pytest.fixture
def connect(closing: ExitStack) -> Connect:
    """Return a function that connects to a served Freak over HTTP, with its token unless told otherwise."""

    def client(freak: Freak, token: str | None = None, **headers: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or freak.token}", **headers}
        http = httpx.Client(base_url=freak.url, headers=headers, timeout=60, trust_env=False)
        return closing.enter_context(http)

    return client


@pytest.fixture
def freak(served: Serve) -> Freak:
    """A state under control with everything at its default."""
    return served()


@pytest.fixture
def http(freak: Freak, connect: Connect) -> httpx.Client:
    """A connection to ``freak`` with its token."""
    return connect(freak)
