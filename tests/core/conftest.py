"""Fixtures: a state under control, served by a real server process on a port that the system chose."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from freak_core import Freak
from tests.core.steered import Steered
from tests.core.twins import TWINS, Twin

Serve = Callable[..., Freak]
Connect = Callable[..., httpx.Client]


class Patient(httpx.Client):
    """Sends a request again where the server says that there are too many."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        deadline = time.monotonic() + 60
        while (answer := super().send(request, **options)).status_code == 429 and time.monotonic() < deadline:
            time.sleep(float(answer.headers["Retry-After"]) / 20)
        return answer


def connection(freak: Freak, token: str | None = None, **headers: str) -> httpx.Client:
    """Return a connection to a served Freak, with its token unless told otherwise; close it."""
    headers = {"Authorization": f"Bearer {token or freak.token}", **headers}
    return Patient(base_url=freak.url, headers=headers, timeout=60, trust_env=False, verify=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Freak's folder, empty; no setting of Freak comes from the environment."""
    for name in ("FREAK_HOST", "FREAK_PORT", "FREAK_UDS", "FREAK_TOKEN", "FREAK_DISABLED"):
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
        return closing.enter_context(connection(freak, token, **headers))

    return client


@pytest.fixture
def freak(served: Serve) -> Freak:
    """A state under control with everything at its default."""
    return served()


@pytest.fixture
def http(freak: Freak, connect: Connect) -> httpx.Client:
    """A connection to ``freak`` with its token."""
    return connect(freak)


@pytest.fixture(scope="module")
def shared_freak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Freak]:
    """A state under control that the tests of a module share; none may rely on how it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(tmp_path_factory.mktemp("home")))
        with Freak(port=0).control(Steered(password=SecretStr("hush"))) as freak:
            yield freak


@pytest.fixture
def shared(shared_freak: Freak) -> Iterator[httpx.Client]:
    """A connection to ``shared_freak``, with the state as it was at first."""
    with connection(shared_freak) as http:
        http.delete("state")
        yield http


@pytest.fixture(params=TWINS)
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """Makes clients: of the kind that waits, and then of the kind that awaits."""
    with Twin(request.param) as twin:
        yield twin
