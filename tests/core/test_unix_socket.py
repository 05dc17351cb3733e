"""Serving at a Unix socket."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from freak_core import ConfigurationError, Freak, PortTaken, control
from tests.core.conftest import Serve
from tests.core.steered import Steered
from tests.core.twins import Twin
from tests.waiting import eventually


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short enough for a socket."""
    folder = tmp_path_factory.mktemp("s")
    folder.chmod(0o700)
    return folder


def test_a_run_is_found_and_steered_at_its_socket(served: Serve, twin: Twin, folder: Path) -> None:
    path = folder / "made" / "freak.sock"
    freak = served(uds=path, prefix="/x", name="sock")
    assert freak.port is None
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    with twin.find("sock") as client, twin(freak.link) as other:
        assert client.url == other.url == freak.url == f"unix://{path}:/x"
        assert client.link == freak.link
        assert client.set({"epochs": 20}).status == "applied"
        assert other.get("epochs") == 20
        events = other.events("receipt", last_id=f"{freak.id}-0")
        assert next(events).type == "receipt"
        assert freak.server_pid is not None
        os.kill(freak.server_pid, signal.SIGKILL)
        client.set({"epochs": 30})
        assert [next(events).data["status"] for _ in range(3)] == ["applied", "accepted", "applied"]
        events.close()
    freak.stop()
    assert not path.exists()


def test_the_environment_names_the_socket(
    served: Serve, twin: Twin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREAK_UDS", str(folder / "e.sock"))
    freak = served()
    with twin(f"unix://{folder / 'e.sock'}", freak.token) as client:
        assert client.get("epochs") == 10


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as other:
        return other.connect_ex(str(path)) == 0


def test_a_taken_socket_is_told_and_a_dead_one_replaced(served: Serve, home: Path, folder: Path) -> None:
    path = folder / "s"
    killed = (
        "import os, sys; from freak_core import control; from tests.core.steered import Steered; "
        "control(Steered(), uds=sys.argv[1]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False, capture_output=True, timeout=60)
    assert path.is_socket()
    eventually(lambda: not answers(path), what="the end of its server")
    with served(uds=path):
        with pytest.raises(PortTaken, match="listens"):
            Freak(uds=path).control(Steered())
        assert path.is_socket()
    assert not path.exists()
    path.write_text("somebody's file")
    with pytest.raises(ConfigurationError, match="cannot listen"):
        Freak(uds=path).control(Steered())
    assert path.read_text() == "somebody's file"


def test_a_socket_that_others_could_reach_is_refused(home: Path, folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match="0700"):
        control(Steered(), uds=folder / "s")
    with pytest.raises(ConfigurationError, match="must have no"):
        Freak(uds="/a:b")
    folder.chmod(0o700)
    with pytest.raises(ConfigurationError, match="too long"):
        control(Steered(), uds=folder / ("x" * 200))
