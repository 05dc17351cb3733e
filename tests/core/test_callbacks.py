"""Actions and ``on_change`` functions may end the run, and may send requests of their own."""

import threading
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from freak_core import Client, ConfigurationError, Ending, Freak, Receipt
from freak_core.runs.journal import Journal, Line, read_journal
from tests.core.conftest import Serve
from tests.waiting import eventually

Apply = Literal["now", "sync"]


class Tuned(BaseModel):
    lr: float = 0.1
    half: float = 0.05
    stop: dict[str, bool] = {"should_stop": False}


def last(journal: Path) -> dict[str, Any]:
    return list(read_journal(journal))[-1]


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_an_action_may_end_the_run_and_its_caller_hears_of_it(served: Serve, apply: Apply) -> None:
    freak = Freak(port=0, apply=apply)

    @freak.action
    def finish() -> str:
        freak.stop()
        return "done"

    served(Tuned(), freak=freak)
    with Client(freak.link, timeout=10) as run:
        asked = run.call("finish", note="enough")
        if apply == "sync":
            freak.sync(step=1)
    eventually(lambda: not freak.running)
    assert freak.ended == Ending("stopped", stopped_by="owner", reason="enough")
    receipts = [entry for entry in read_journal(freak.journal_path) if entry.get("id") == asked.id]
    assert (receipts[-1]["status"], receipts[-1]["result"]) == ("applied", "done")
    eventually(lambda: last(freak.journal_path).get("phase") == "stopped")


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_an_on_change_function_may_end_the_run_after_the_answer(served: Serve, apply: Apply) -> None:
    freak = Freak(port=0, apply=apply)

    @freak.on_change
    def told(receipt: Receipt) -> None:
        freak.stop()

    served(Tuned(), freak=freak)
    with Client(freak.link, timeout=10) as run:
        answer = run.set({"lr": 0.2}, note="enough")
        assert answer.status == ("applied" if apply == "now" else "accepted")
        freak.sync(step=1)
    eventually(lambda: not freak.running)
    assert freak.ended == Ending("stopped", stopped_by="owner", reason="enough")
    eventually(lambda: last(freak.journal_path).get("reason") == "enough")


def test_an_on_change_function_may_be_a_client_of_this_run(served: Serve) -> None:
    state, freak = Tuned(), Freak(port=0)

    @freak.on_change
    def halve(receipt: Receipt) -> None:
        if receipt.changes and receipt.changes[0].path == "/lr":
            with Client(freak.link, timeout=25) as own:
                own.set({"half": receipt.changes[0].new / 2})

    served(state, freak=freak)
    with Client(freak.link, timeout=25) as run:
        assert run.set({"lr": 0.4}).status == "applied"
        eventually(lambda: state.half == 0.2, within=60)
        assert run.set({"lr": 0.8}).status == "applied"
        eventually(lambda: state.half == 0.4)


def test_an_on_change_function_is_called_once_its_change_is_in_the_journal(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent to the server right after that, however long the disk takes."""
    at_once = Journal.append

    def slow(journal: Journal, entry: Line) -> bool:
        time.sleep(0.05)
        return at_once(journal, entry)

    monkeypatch.setattr(Journal, "append", slow)
    state, freak = Tuned(), Freak(port=0)
    told: list[bool] = []

    @freak.on_change
    def note(receipt: Receipt) -> None:
        lines = [line for line in read_journal(freak.journal_path) if line.get("id") == receipt.id]
        told.append(bool(lines) and lines[-1]["status"] == "applied")

    served(state, freak=freak)
    with Client(freak.link, timeout=25) as run:
        for rate in (0.4, 0.8):
            run.set({"lr": rate})
        eventually(lambda: len(told) == 2)
    assert told == [True, True]


def test_an_action_may_be_a_client_of_this_run(served: Serve) -> None:
    state, freak = Tuned(), Freak(port=0)

    @freak.action
    def halve() -> float:
        with Client(freak.link, timeout=8) as own:
            return own.set({"half": own.get("lr") / 2}).changes[0].new  # type: ignore[no-any-return]

    served(state, freak=freak)
    with Client(freak.link, timeout=15) as run:
        run.set({"lr": 0.4})
        assert run.call("halve", wait=10).result == 0.2


# -- how the run ended ---------------------------------------------------------------------------


def test_a_script_says_who_stopped_it_and_can_ask(served: Serve) -> None:
    freak = served(Tuned())
    assert freak.ended is None
    freak.stop(by="my rule", reason="the loss rises")
    assert freak.ended == Ending("stopped", stopped_by="my rule", reason="the loss rises")
    assert last(freak.journal_path)["stopped_by"] == "my rule"
    freak.stop(RuntimeError("too late"))
    assert freak.ended.phase == "stopped"


def test_stop_in_a_finally_block_tells_the_exception(served: Serve) -> None:
    freak = served(Tuned())

    def main() -> None:
        try:
            raise ValueError("boom")
        finally:
            freak.stop()

    with pytest.raises(ValueError, match="boom"):
        main()
    assert freak.ended == Ending("failed", "ValueError: boom")


def test_stop_far_below_a_handled_exception_tells_nothing_of_it(served: Serve) -> None:
    freak = served(Tuned())

    def main() -> None:
        freak.stop()

    try:
        {}["missing"]
    except KeyError:
        main()
    assert freak.ended == Ending("finished")


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (SystemExit(0), Ending("finished")),
        (SystemExit(None), Ending("finished")),
        (SystemExit(3), Ending("failed", "SystemExit: 3")),
        (SystemExit("no data"), Ending("failed", "SystemExit: no data")),
        (KeyboardInterrupt(), Ending("interrupted", "KeyboardInterrupt")),
        (ValueError("boom"), Ending("failed", "ValueError: boom")),
    ],
    ids=repr,
)
def test_the_end_of_a_block_is_told_by_its_exception(
    served: Serve, error: BaseException, ended: Ending
) -> None:
    freak = served(Tuned())
    with pytest.raises(type(error)), freak:
        raise error
    assert freak.ended == ended


def test_a_stop_that_was_taken_back_is_not_told(served: Serve) -> None:
    freak = served(Tuned())
    with Client(freak.link) as run:
        run.set({"stop.should_stop": True})
        run.set({"stop.should_stop": False})
    freak.stop()
    assert freak.ended == Ending("finished")


def test_two_threads_stop_and_both_return_when_the_server_has_ended(served: Serve) -> None:
    freak = served(Tuned())
    pid = freak.server_pid
    other = threading.Thread(target=freak.stop)
    other.start()
    freak.stop()
    other.join(10)
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["phase", "publish"])
def test_no_fact_that_a_program_publishes_replaces_what_freak_says(
    served: Serve, caplog: pytest.LogCaptureFixture, told: str
) -> None:
    freak = served(Tuned(), name="training")
    with Client(freak.link) as run:
        before = run.run()
        if told == "phase":
            freak.phase(
                "loading", name="imagenet", id="other", pid=1, host="h", journal_path="/", total_steps=7
            )
            after: Any = run.wait_for(phase="loading", timeout=10)
            assert after["total_steps"] == 7
        freak.publish(step=1, phase="finished")
        freak.phase("failed")
        after = run.wait_for(step=1, timeout=10)
    assert {name: after[name] for name in ("name", "id", "pid", "host", "journal_path")} == {
        name: before[name]
        for name in ("name", "id", "pid", "host", "journal_path")  # type: ignore[literal-required]
    }
    assert after["phase"] not in ("finished", "failed")
    assert "left out" in caplog.text


def test_a_state_under_control_is_refused_to_another_freak_until_it_is_free(served: Serve) -> None:
    state = Tuned()
    first = served(state, name="first")
    with pytest.raises(ConfigurationError, match="'first'"):
        Freak(port=0).control(state)
    with Client(first.link) as run:
        assert run.set({"lr": 0.2}).status == "applied"
    first.stop()
    with Client(served(state, name="second").link) as run:
        assert run.get("lr") == 0.2
