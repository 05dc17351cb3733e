"""The exit code of each outcome."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from freak_core import Client, Freak, Receipt, Unreachable
from freak_core.cli import send_and_wait as outcome
from freak_core.cli.exit_codes import Interrupted, code_of
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.steered import Steered
from tests.waiting import eventually


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
        ("get", "-r", "ftp://host:1"),
        ("get", "--nonsense"),
        ("stop", "--after", "lunch"),
    ],
)
def test_exit_2_the_command_line_makes_no_sense(program: Freak, arguments: tuple[str, ...]) -> None:
    assert freak(*arguments, code=2).err
    assert freak(*arguments, "--json", code=2).json["detail"]


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
    assert "lists the requests" in freak("cancel", "999999", code=4).err
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
    for arguments in (("--wait", "0"), ("--wait", "1.2"), ("--at-step", "1000", "--wait", "0")):
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
    sent: list[str] = []

    with Client(program.link) as client:

        def send(key: str, wait: float) -> Receipt:
            sent.append(key)
            if len(sent) == 1:
                client.set({"epochs": 20}, key=key)
                raise Unreachable("the program did not answer within 10 s")
            receipt = client.set({"epochs": 20}, key=key, wait=wait)
            assert not receipt.settled
            threading.Timer(0.3, program.sync, kwargs={"step": 7}).start()
            return receipt

        outcome.carry_out(client, send, wait=60, as_json=False)
    assert len(sent) == 2, "it waits by reading"
    assert len(set(sent)) == 1
    assert [r.applied.step for r in program.store.receipts.since(0) if r.applied] == [7]


def test_what_is_due_already_is_awaited_as_usual(served: Serve) -> None:
    program = served(apply="sync")
    program.publish(step=5)
    with Client(program.link) as client:
        client.wait_for(step=5)

    def take_it() -> None:
        eventually(lambda: program.store.pending)
        program.sync(step=6)

    thread = threading.Thread(target=take_it)
    thread.start()
    assert freak("set", "epochs=20", "--at-step", "4", "--json").json["status"] == "applied"
    thread.join(60)


def test_exit_5_where_the_program_does_not_answer_in_time(program: Freak) -> None:
    def send(key: str, wait: float) -> Receipt:
        raise Unreachable("the program did not answer within 10 s")

    with Client(program.link) as client, pytest.raises(Unreachable, match="may still apply") as late:
        outcome.carry_out(client, send, wait=0, as_json=False)
    assert code_of(late.value) == 5


def test_a_request_that_ends_badly_while_it_is_awaited_is_told(served: Serve) -> None:
    program = served(apply="sync")

    @program.action
    def fail() -> None:
        raise RuntimeError("on purpose")

    def once_it_waits(act: Callable[[], object]) -> None:
        eventually(lambda: program.store.pending)
        time.sleep(0.5)  # by now it is awaited
        act()

    def withdraw() -> None:
        program.store.cancel(program.store.receipts.since(0)[-1].id)

    for act, command, code, said in (
        (program.sync, ("call", "fail"), 1, "on purpose"),
        (withdraw, ("set", "epochs=20"), 4, "cancelled"),
    ):
        thread = threading.Thread(target=once_it_waits, args=(act,))
        thread.start()
        assert said in freak(*command, code=code).err
        thread.join(60)


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
    for wrong in ("abc", "-1", "1.5", ""):
        assert "is not a revision" in freak("set", "epochs=30", "--if-match", wrong, code=2).err
    assert state.epochs == 20


def test_exit_130_on_ctrl_c(served: Serve) -> None:
    program = served(apply="sync")

    def interrupt() -> None:
        eventually(lambda: program.store.pending)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    ran = freak("set", "epochs=20", "--json", code=130)
    assert ran.json["title"] == "Interrupted"
    assert ran.json["detail"] in ran.err


def test_ctrl_c_says_how_to_cancel_an_accepted_request() -> None:
    answers = iter([Receipt(kind="patch", seq=7)])

    def send(key: str, wait: float) -> Receipt:
        for receipt in answers:
            return receipt
        raise KeyboardInterrupt

    class Impatient:
        def wait(self, receipt: Receipt, timeout: float) -> Receipt:
            raise KeyboardInterrupt

    client: Any = Impatient()
    for said, receipt in (("cancel it with 'freak cancel 7'", 7), ("'freak log' shows", None)):
        with pytest.raises(Interrupted, match=said) as given_up:
            outcome.carry_out(client, send, wait=60, as_json=False)
        assert (given_up.value.receipt or {}).get("seq") == receipt
