"""``freak``, the command line, against a program that is really served."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from freak_core import Client, Freak, Receipt
from freak_core.cli import outcome
from freak_core.runs import list_runs, new_run, publish
from tests.core.conftest import Serve
from tests.core.shell import freak
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


def test_values_are_read_as_data_on_stdout(state: Steered) -> None:
    assert freak("get", "head.lr").out == "0.1\n"
    assert freak("get", "name").out == "run\n"
    assert freak("get", "name", "--json").out == '"run"\n'
    assert freak("get", "head.dropout").out == "null\n"
    assert freak("get", "/head/hidden").out == "[32, 16]\n"
    assert freak("get", "head").json == {"lr": 0.1, "hidden": [32, 16], "dropout": None}
    assert freak("get", "--json").json["weights"]["ü"] == 3.0
    assert freak("get").err == ""


def test_values_are_set_by_what_the_schema_says_they_are(state: Steered) -> None:
    ran = freak(
        "set", "head.lr=3e-1", "name=true", "mode=fast", "epochs=2e1", "weights.a/b=7", "--note", "why"
    )
    assert (state.head.lr, state.name, state.mode, state.epochs) == (0.3, "true", "fast", 20)
    assert state.weights["a/b"] == 7
    assert "applied" in ran.out
    assert "head.lr: 0.1 → 0.3" in ran.out
    assert "why" in freak("log").out
    freak("set", "head.hidden=[8, 8]", "head.dropout=0.5")
    receipt = freak("set", "head.dropout=null", "--json").json
    assert receipt["changes"] == [{"path": "/head/dropout", "old": 0.5, "new": None}]
    assert state.head.hidden == [8, 8]


def test_a_dry_run_shows_what_would_change(state: Steered) -> None:
    ran = freak("set", "epochs=20", "--dry-run")
    assert "valid" in ran.out
    assert "epochs: 10 → 20" in ran.out
    assert state.epochs == 10
    freak("reset", "--dry-run")
    freak("set", "epochs=0", "--dry-run", code=4)


def test_reset_puts_one_value_or_all_back(state: Steered) -> None:
    freak("set", "epochs=20", "head.lr=1")
    freak("reset", "head")
    assert (state.epochs, state.head.lr) == (20, 0.1)
    assert freak("reset", "--json").json["status"] == "applied"
    assert state.epochs == 10


def test_actions_are_called_with_names_and_values(state: Steered) -> None:
    assert freak("call", "add", "one=2", "label=007", "--json").json["result"] == "0073"
    assert "result: " in freak("call", "add", "one=2").out
    assert "one" in freak("call", "add", code=4).err


# -- exit codes ----------------------------------------------------------------------------------


def test_exit_1_the_program_has_failed(state: Steered) -> None:
    assert "it broke" in freak("call", "fail", code=1).err
    assert freak("call", "fail", "--json", code=1).json["receipt"]["status"] == "failed"


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "epochs"),
        ("set", "=3"),
        ("set", "epochs=1", "epochs=2"),
        ("set",),
        ("nonsense",),
        ("set", "epochs=1", "--wait", "-1"),
        ("set", "epochs=1", "--at-step", "soon"),
        ("get", "-r", "http://["),
        ("stop", "--after", "lunch"),
    ],
)
def test_exit_2_the_command_line_makes_no_sense(program: Freak, arguments: tuple[str, ...]) -> None:
    assert freak(*arguments, code=2).err


def test_exit_3_no_such_run_or_no_answer(program: Freak, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = freak("get", "--run", "nobody", code=3)
    assert program.id in lost.err
    assert lost.out == ""
    assert freak("get", "--run", "nobody", "--json", code=3).json["status"] == 404
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        freak("get", "-r", f"http://127.0.0.1:{held.getsockname()[1]}/#token=x", code=3)
    monkeypatch.setenv("FREAK_HOME", "/nowhere/at/all")
    assert "no live run" in freak("info", code=3).err
    assert freak("ls").out == ""
    assert freak("ls", "--json").json == []


def test_exit_4_refused_and_nothing_was_changed(state: Steered) -> None:
    refused = freak("set", "head.lr=-1", "epochs=20", code=4)
    assert "head.lr: Input should be greater than 0" in refused.err
    assert refused.out == ""
    problem = freak("set", "head.lr=fast", "--json", code=4).json
    assert problem["errors"][0]["path"] == "/head/lr"
    assert problem["receipt"]["status"] == "rejected"
    assert "did you mean 'epochs'" in freak("set", "epoch=20", code=4).err
    assert "did you mean 'head'" in freak("get", "hed", code=4).err
    assert "add, fail" in freak("call", "ad", code=4).err
    assert "lists them" in freak("cancel", "999999", code=4).err
    for command, control in {
        "stop": "GracefulStop()",
        "pause": "Pause()",
        "resume": "Pause()",
        "checkpoint": "CheckpointNow()",
        "validate": "ValidateNow()",
    }.items():
        assert control in freak(command, code=4).err
    assert state.epochs == 10


def test_exit_5_accepted_and_not_applied_in_time(served: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    program = served(apply="sync")
    for arguments in (("--wait", "0"), ("--wait", "1.2"), ("--at-step", "1000")):
        ran = freak("set", "epochs=20", *arguments, code=5)
        assert "accepted" in ran.out
        assert "freak cancel" in ran.err
    waiting = freak("set", "epochs=30", "--wait", "0", "--json", code=5).json
    assert freak("cancel", waiting["id"], "--json").json["status"] == "cancelled"
    assert freak("cancel", "#1").out.startswith("#1 patch: cancelled")
    program.sync(step=3)
    assert "already" in freak("cancel", "2", code=4).err
    assert program.store.model.epochs == 20  # type: ignore[attr-defined]


def test_a_request_is_awaited_until_the_program_takes_it(served: Serve) -> None:
    program = served(apply="sync")
    seen = threading.Event()

    def send(key: str, wait: float) -> Receipt:
        with Client(program.link) as client:
            receipt = client.set({"epochs": 20}, key=key, wait=min(wait, 0.1))
        if not receipt.settled and not seen.is_set():
            seen.set()
            program.sync(step=7)
        return receipt

    outcome.carry_out(send, wait=60, as_json=False)
    assert seen.is_set()
    assert [r.applied.step for r in program.store.receipts.since(0) if r.applied] == [7]


def test_exit_6_without_the_right_token(program: Freak, monkeypatch: pytest.MonkeyPatch) -> None:
    freak("get", "-r", f"{program.url}/#token=wrong", code=6)
    freak("set", "epochs=20", "-r", f"{program.url}/#token={program.read_token}", code=6)
    freak("get", "-r", f"{program.url}/#token={program.read_token}")
    monkeypatch.setenv("FREAK_TOKEN", "not the right one")
    freak("get", "-r", program.url, code=6)


def test_exit_7_the_state_has_moved_on(state: Steered) -> None:
    revision = freak("info", "--json").json["revision"]
    freak("set", "epochs=20", "--if-match", str(revision))
    assert "read it again" in freak("set", "epochs=30", "--if-match", str(revision), code=7).err
    freak("reset", "epochs", "--if-match", str(revision), code=7)
    assert state.epochs == 20


def test_exit_130_on_ctrl_c(served: Serve) -> None:
    program = served(apply="sync")

    def interrupt() -> None:
        while not program.store.pending:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    assert "freak" in freak("set", "epochs=20", code=130).err


def test_ctrl_c_says_how_to_withdraw_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([Receipt(kind="patch", seq=7)])

    def send(key: str, wait: float) -> Receipt:
        for receipt in answers:
            return receipt
        raise KeyboardInterrupt

    for said in ("withdraw it with 'freak cancel 7'", "'freak log' tells"):
        with pytest.raises(KeyboardInterrupt):
            outcome.carry_out(send, wait=60, as_json=False)
        assert said in capsys.readouterr().err


# -- which run -----------------------------------------------------------------------------------


def test_a_run_goes_by_name_id_beginning_and_url(program: Freak, monkeypatch: pytest.MonkeyPatch) -> None:
    port = program.url.rpartition(":")[2]
    for run in ("prog", program.id, program.id[:5], "pro", program.link, program.url, f"localhost:{port}"):
        assert freak("get", "mode", "-r", run).out == "slow\n"
        assert freak("info", run, "--json").json["id"] == program.id
    monkeypatch.setenv("FREAK_RUN", "nobody")
    freak("get", code=3)
    freak("get", "-r", "prog")


def test_an_ambiguous_run_is_an_error_that_lists_them(served: Serve) -> None:
    one, two = served(name="twin"), served(name="twin")
    for arguments in (("get",), ("get", "-r", "twin"), ("stop",)):
        error = freak(*arguments, code=3).err
        assert one.id in error
        assert two.id in error
        assert "--run" in error
    assert sorted(freak("ls", "-q").out.split()) == sorted([one.id, two.id])
    freak("get", "-r", one.id)


def test_how_to_reach_a_run_of_another_machine(home: Path) -> None:
    here = new_run("far", "vit large", "http://127.0.0.1:4500", "the-token", None, "read")
    publish(here.model_copy(update={"host": "gpu7"}))
    error = freak("get", code=3).err
    assert "ssh -N -L 4500:127.0.0.1:4500" in error
    assert "the-token" not in error
    assert freak("tunnel", "--port", "5000").out.endswith("@gpu7\n")
    assert freak("open").out == "http://127.0.0.1:4500/#token=the-token\n"
    assert (
        freak("open", "vit", "--port", "5000", "--json").json["link"]
        == "http://127.0.0.1:5000/#token=the-token"
    )
    assert "gpu7" in freak("open", "far").err
    (listed,) = freak("ls", "--json").json
    assert (listed["host"], listed["state"], listed["near"]) == ("gpu7", "alive", False)


def test_the_link_and_the_tokens_are_printed(program: Freak) -> None:
    assert freak("open").out == f"{program.link}\n"
    assert freak("open", "--read-only").out == f"{program.url}/#token={program.read_token}\n"
    assert freak("token", "prog").out == f"{program.token}\n"
    assert freak("token", "--read-only", "--json").json == {"token": program.read_token}
    assert freak("token", "-r", program.link).out == f"{program.token}\n"
    port = program.url.rpartition(":")[2]
    line = freak("tunnel").out
    assert line.startswith(f"ssh -N -L {port}:127.0.0.1:{port} ")
    assert freak("tunnel", "--json").json["tunnel"] + "\n" == line


# -- listing and following -----------------------------------------------------------------------


def test_runs_are_listed_with_state_and_progress(program: Freak) -> None:
    program.phase("training")
    program.publish(step=12, epoch=3)
    while freak("ls", "--json").json[0].get("step") != 12:
        time.sleep(0.05)
    header, row = freak("ls").out.splitlines()
    assert header.split()[:5] == ["NAME", "ID", "STATE", "EPOCH", "STEP"]
    assert row.split()[:5] == ["prog", program.id, "training", "3", "12"]
    assert "no answer" not in row
    told = freak("info").out
    for text in ("training", "12", "weights", "add", program.url):
        assert text in told
    assert program.token not in told


def test_a_program_that_does_not_answer_is_listed_as_such(served: Serve) -> None:
    program = served()
    assert program.server_pid is not None
    os.kill(program.server_pid, signal.SIGSTOP)
    try:
        assert freak("ls", "--json").json[0]["state"] == "no answer"
    finally:
        os.kill(program.server_pid, signal.SIGCONT)


def test_watch_follows_a_run_to_its_end(served: Serve) -> None:
    program = served(name="brief")
    freak("set", "epochs=20")
    program.publish(step=1, loss=0.5)
    command = [sys.executable, "-m", "freak_core.cli", "watch", "--since", "0"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*command, "--json"], **pipes) as script,
        subprocess.Popen(command, **pipes) as person,
    ):
        assert script.stdout
        assert person.stdout
        assert person.stderr
        lines = [next(script.stdout) for _ in range(5)]
        read = next(person.stdout)
        program.stop()
        lines += script.stdout
        read += person.stdout.read()
        said = person.stderr.read()
        assert (script.wait(30), person.wait(30)) == (0, 0)
    events = [json.loads(line) for line in lines]
    assert {"receipt", "state", "metrics", "progress", "run"} <= {event["type"] for event in events}
    assert events[-1]["data"]["phase"] == "finished"
    assert "step 1  loss 0.5" in read
    assert "/epochs 10 → 20" in read
    assert "ended: finished" in said
    journal = str(program.journal_path)
    assert "/epochs 10 → 20" in freak("log", "--journal", journal).out
    assert [each["status"] for each in freak("log", "--journal", journal, "--json").json] == ["applied"]
    freak("log", "--journal", "/nowhere", code=4)


def test_log_lists_the_newest_requests(state: Steered) -> None:
    for epochs in (20, 30, 40):
        freak("set", f"epochs={epochs}", "--note", f"to {epochs}")
    lines = freak("log", "-n", "2").out.splitlines()
    assert [line.partition("# ")[2] for line in lines] == ["to 30", "to 40"]
    receipts = [Receipt.model_validate(each) for each in freak("log", "--json").json]
    assert receipts[-1].note == "to 40"


def test_a_list_of_runs_is_empty_after_the_last(served: Serve) -> None:
    served().stop()
    assert list_runs() == []
    assert "no live runs" in freak("ls").err
