"""How a program begins and ends: its port, a start that fails, Ctrl-C."""

import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from freak_core import Freak, PortTaken, addresses
from freak_core.program import listener
from tests.core.conftest import Connect, Serve
from tests.core.steered import Steered


def test_the_default_port_is_4444_or_the_next_free_one(
    served: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert addresses.DEFAULT_PORT == 4444
    first = random.SystemRandom().randrange(10_000, 30_000)  # tests beside this one come and go at 4444
    monkeypatch.setattr(listener, "DEFAULT_PORT", first)
    one, two = served(port=None), served(port=None)
    assert one.port is not None
    assert two.port is not None
    assert first <= one.port < two.port < first + 100
    assert connect(two).get("run").json()["id"] == two.id


def test_a_taken_port_is_known_at_once(served: Serve, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        freak = Freak(port=port)
        with pytest.raises(PortTaken, match=str(port)):
            freak.control(Steered())
    assert not home.exists()
    served(freak=freak)
    assert freak.port == port


@pytest.mark.parametrize("what", ["serving.announce", "serving.RunFile", "event_log.Feed.start"])
def test_a_start_that_fails_leaves_nothing_behind(
    what: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def fail(*_: object) -> None:
        started.append(freak.server_pid or 0)
        raise RuntimeError("not today")

    freak = Freak(port=0)
    with monkeypatch.context() as patch:
        patch.setattr(f"freak_core.program.{what}", fail)
        with pytest.raises(RuntimeError, match="not today"):
            freak.control(Steered())
    assert not Path(f"/proc/{started[0]}").exists()
    assert not list(home.glob("runs/*/run.json"))
    assert not freak.running
    with freak.control(Steered()):
        assert freak.running


def test_a_later_start_that_fails_can_be_tried_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("not today")

    with Freak(port=0).control(Steered(), serve=False) as freak:
        with monkeypatch.context() as patch:
            patch.setattr("freak_core.program.serving.announce", fail)
            with pytest.raises(RuntimeError, match="not today"):
                freak.serve()
        assert (freak.running, freak.server_pid) == (False, None)
        assert not list(home.glob("runs/*/run.json"))
        freak.serve()
        assert freak.running


def test_ctrl_c_ends_the_program_and_its_server(home: Path) -> None:
    code = (
        "import time, freak_core, pydantic\n"
        "class S(pydantic.BaseModel): x: int = 1\n"
        "freak = freak_core.control(S(), port=0)\n"
        "print(freak.server_pid, flush=True)\n"
        "time.sleep(100)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout is not None
        server = int(program.stdout.readline())
        program.send_signal(signal.SIGINT)
        assert program.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    assert list(home.glob("runs/*/run.json")) == []


@pytest.mark.parametrize(("ranks", "warned"), [("2", 1), ("1", 0)])
def test_a_program_of_several_ranks_is_warned_once_that_they_do_not_agree(
    home: Path, ranks: str, warned: int
) -> None:
    program = """
from freak_core import control
from pydantic import BaseModel
class State(BaseModel):
    rate: float = 0.1
first, second = control(State(), port=0), control(State(), port=0)
first.stop(); second.stop()
"""
    given = {**os.environ, "WORLD_SIZE": ranks, "FREAK_HOME": str(home)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.count("each Freak has a state of its own") == warned, done.stderr
