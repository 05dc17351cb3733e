"""Shell completion, with a live run."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from freak_core import Client, Freak
from freak_core.cli import completion
from freak_core.cli.app import app
from freak_core.client.transport import Address, BlockingConnection
from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import publish
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.steered import Steered

USUAL = completion.PATIENCE


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Freak]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("FREAK_RUN", raising=False)
        patch.setattr(completion, "PATIENCE", 30.0)  # nobody types, and the machine may be busy
        served = Freak(port=0, name="prog", apply="sync")
        served.action(save)
        with served.control(Steered()):
            yield served


def save(name: str = "", weights_only: bool = False) -> None:
    """Save now.

    And say where.
    """


def completed(line: str) -> dict[str, str]:
    """Return what fish is told at the end of ``line``: candidates with their descriptions."""
    environment = {
        "_FREAK_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": line,
    }
    result = CliRunner().invoke(app, [], prog_name="freak", env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.stderr == ""
    return dict(candidate.partition("\t")[::2] for candidate in result.stdout.split("\n") if candidate)


def test_paths_are_completed_with_what_is_there(program: Freak) -> None:
    assert completed("freak get head") == {
        "head": '{"lr": 0.1, "hidden": [32, 16], "dropout',
        "head.lr": "0.1",
        "head.hidden": "[32, 16]",
        "head.dropout": "null",
    }
    assert r"weights.c\.d" in completed("freak get w")
    assert list(completed("freak reset ep")) == ["epochs"]


def test_assignments_are_completed_with_paths_then_with_choices(program: Freak) -> None:
    assert list(completed("freak set head.")) == ["head.lr=", "head.hidden=", "head.dropout="]
    assert list(completed("freak set epochs=1 mode=")) == ["mode=fast", "mode=slow"]
    assert list(completed("freak set head.dropout=")) == ["head.dropout=null"]


def test_actions_and_their_arguments_are_completed(program: Freak) -> None:
    assert completed("freak call ") == {"save": "Save now."}
    assert completed("freak call save ") == {"name=": "string", "weights_only=": "boolean"}


def test_runs_and_waiting_requests_are_completed(program: Freak) -> None:
    for line in ("freak get -r ", "freak info ", "freak stop p"):
        assert list(completed(line)) == ["prog"]
    with Client(program.link) as client:
        waiting = client.set({"epochs": 20})
    assert list(completed("freak cancel ")) == [waiting.id]
    assert list(completed(f"freak get -r {program.id} mo")) == ["mode"]


def test_looking_takes_no_more_than_the_token_that_may_read(served: Serve) -> None:
    program = served()
    with Client(program.link) as client:
        client.get()  # it has started
    (run,) = list_runs()
    publish(run.model_copy(update={"token": "not the right one"}))
    assert freak("ls", "--json").json[0]["state"] == "running"
    assert freak("info", "--json").json["id"] == program.id
    assert list(completed("freak get ep")) == ["epochs"]
    freak("get", code=6)


def test_a_hung_server_is_not_waited_for_while_somebody_types(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "PATIENCE", USUAL)
    with socket.create_server(("127.0.0.1", 0)) as hung:  # takes connections and says nothing
        monkeypatch.setenv("FREAK_RUN", f"http://127.0.0.1:{hung.getsockname()[1]}/#token=x")
        patience: list[float] = []
        blocking = BlockingConnection.__init__

        def noted(self: BlockingConnection, address: Address, timeout: float, *rest: Any) -> None:
            patience.append(timeout)
            blocking(self, address, timeout, *rest)

        monkeypatch.setattr(BlockingConnection, "__init__", noted)
        assert completed("freak get ") == {}
    assert 1 <= len(patience) <= 2
    assert sum(patience) <= 2


@pytest.mark.parametrize("run", ["http://[", "ftp://host:1", "unix://", "http://127.0.0.1:1:1"])
def test_a_broken_run_completes_nothing_and_says_nothing(program: Freak, run: str) -> None:
    for line in (f"freak get -r '{run}' ", f"freak set -r '{run}' epochs=", f"freak call -r '{run}' "):
        assert completed(line) == {}


def test_twins_are_completed_by_id(served: Serve) -> None:
    ids = {served(name="twin").id, served(name="twin").id}
    assert set(completed("freak info ")) == ids
    assert completed("freak get ") == {}  # of which?
