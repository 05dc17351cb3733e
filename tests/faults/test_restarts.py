"""A launcher starts a failed program again: it is found where it was, and its requests are not forgotten.

These tests are the launcher: as torchrun does, they set a variable that they were started without themselves.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from freak_core import RunOver
from freak_core.runs.live_runs import list_runs
from tests.faults.conftest import Start
from tests.faults.program import Program
from tests.waiting import eventually

UNDER_TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "0"}

IDLE = """
freak = begin(apply="sync")
hear()
"""

FAILING = """
freak = begin(apply="sync")
hear()
raise RuntimeError("a wheel came off")
"""


class Asking:
    """Asks in a thread of its own, and keeps what comes of it."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._outcome: list[object] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.append(self._ask())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self._outcome.append(error)

    def outcome(self) -> object:
        """Return what the question returned or raised."""
        self._thread.join(20)
        return self._outcome[0]


def with_a_request(program: Program) -> str:
    """Ask a program for something that it accepts and does not come to; return the id of the receipt."""
    return program.client().set({"lr": 0.5}).id


def where(program: Program) -> tuple[int, str]:
    """Return the port and the token of a program."""
    return program.port, program.link.partition("#token=")[2]


def restarts(home: Path) -> list[Path]:
    return list(home.glob("runs/*/restart.json"))


@pytest.mark.parametrize("body", [IDLE, FAILING], ids=["killed", "raises"])
def test_a_program_that_is_started_again_is_found_where_it_was(start: Start, body: str) -> None:
    first = start(body, **UNDER_TORCHRUN)
    receipt_id = with_a_request(first)
    if body is IDLE:
        first.kill()
        first.gone(8.0)
    else:
        first.say()
        first.wait(20)
    second = start(IDLE, **UNDER_TORCHRUN)
    assert where(second) == where(first)
    assert second.journal != first.journal
    receipt = first.client().wait(receipt_id)
    assert (receipt.status, receipt.changes, receipt.seq) == ("failed", [], 1)
    assert [line["status"] for line in second.journalled()] == ["failed"]
    assert [line["status"] for line in first.journalled()] == ["accepted", "failed"]
    assert second.complaints == ""
    assert len(restarts(second.home)) == 1


def test_the_port_is_waited_for_while_a_server_that_ends_holds_it(start: Start) -> None:
    """And a token that the user gives is kept."""
    first = start(IDLE, **UNDER_TORCHRUN)
    first.kill()
    first.gone(8.0)
    with socket.create_server(("127.0.0.1", first.port)) as still_held:
        threading.Timer(1.0, still_held.close).start()
        second = start(IDLE, **UNDER_TORCHRUN, FREAK_TOKEN="of-the-users-own")
    assert where(second) == (first.port, "of-the-users-own")


def test_a_port_that_somebody_else_took_is_a_warning(start: Start) -> None:
    first = start(IDLE, **UNDER_TORCHRUN)
    first.kill()
    first.gone(8.0)
    with socket.create_server(("127.0.0.1", first.port)):
        second = start(IDLE, **UNDER_TORCHRUN)
    assert second.port != first.port
    assert where(second)[1] == where(first)[1]
    eventually(lambda: f"port {first.port} on 127.0.0.1 is in use" in second.error_text)


def test_a_program_that_ended_well_leaves_nothing_to_take_over(start: Start) -> None:
    first = start(IDLE, **UNDER_TORCHRUN)
    assert len(restarts(first.home)) == 1
    first.say()
    first.wait(20)
    assert restarts(first.home) == []
    second = start(IDLE, **UNDER_TORCHRUN)
    assert where(second)[1] != where(first)[1]


@pytest.mark.parametrize("other", [{"RANK": "1"}, {"TORCHELASTIC_RUN_ID": ""}], ids=["rank", "launcher"])
def test_another_rank_or_launcher_takes_nothing_over(start: Start, other: dict[str, str]) -> None:
    first = start(IDLE, **UNDER_TORCHRUN)
    first.kill()
    first.gone(8.0)
    second = start(IDLE, **{**UNDER_TORCHRUN, **other})
    assert where(second)[1] != where(first)[1]
    assert restarts(first.home)


LAUNCHER = """
import os, subprocess, sys
program = "import os, pydantic, freak_core as f; f.control(pydantic.create_model('S')(), port=0); os._exit(1)"
subprocess.run([sys.executable, "-c", program], env={**os.environ, "TORCHELASTIC_RUN_ID": "none"}, timeout=60)
"""


def test_no_token_stays_when_the_launcher_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("FREAK_HOME", str(home))
    subprocess.run([sys.executable, "-c", LAUNCHER], check=True, timeout=60)
    assert len(restarts(home)) == 1
    assert list_runs() == []
    assert restarts(home) == []


def test_who_waits_when_the_program_is_killed_learns_that_the_request_is_lost(start: Start) -> None:
    """So it is without a launcher, too: the server tells it, in the journal as well."""
    program = start(IDLE)
    asking = Asking(lambda: program.client().set({"lr": 0.5}, wait=30))
    eventually(lambda: program.client().receipts())
    program.kill()
    assert isinstance(asking.outcome(), RunOver), asking.outcome()
    program.gone()
    assert [line["status"] for line in program.journalled()] == ["accepted", "failed"]
    assert "ended without a word" in program.journalled()[-1]["error"]["detail"]
