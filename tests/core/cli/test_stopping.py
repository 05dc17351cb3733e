"""``freak stop``: it tells how the stop went, not only that it was asked for."""

import threading
import time
from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel

from freak_core import Client, Freak, Receipt, Unreachable
from freak_core.cli.wait_for_stop import wait_for_stop, when_it_stops
from freak_core.errors import Failed
from freak_core.receipts import Applied
from tests.core.cli.shell import freak
from tests.core.conftest import Serve


class Stop(BaseModel):
    should_stop: bool = False
    after: Literal["batch", "epoch", "validation"] = "batch"
    checkpoint: bool = True


class Stoppable(BaseModel):
    stop: Stop = Stop()


@pytest.fixture
def program(served: Serve) -> Freak:
    """A program that can be asked to stop."""
    return served(Stoppable(), apply="sync", name="going")


def once_asked(program: Freak, then: Callable[[], object]) -> threading.Thread:
    """Let the program apply what it is asked, and then do this."""

    def go_on() -> None:
        with Client(program.link) as client:
            for event in client.events("receipt", last_id=f"{program.id}-0"):
                if event.data["status"] == "accepted":
                    program.sync(step=3)
                    then()
                    return

    thread = threading.Thread(target=go_on)
    thread.start()
    return thread


CHECKPOINT = {"path": "/a/stop.ckpt", "exact": False, "why_not_exact": "accumulating"}
SAVED = {"stopped_after": "batch", "checkpoint": CHECKPOINT}


def test_a_stop_is_over_when_the_training_says_what_it_saved(program: Freak) -> None:
    thread = once_asked(program, lambda: program.store.record("stop", Applied(step=4), SAVED))
    said = freak("stop").out
    thread.join(60)
    assert "stop.should_stop: false → true" in said
    assert "#2 stop: applied, at step 4" in said
    told = dict(line.split() for line in said.splitlines() if line.startswith("  checkpoint."))
    assert told == {
        "checkpoint.path:": "/a/stop.ckpt",
        "checkpoint.exact:": "false",
        "checkpoint.why_not_exact:": "accumulating",
    }


def test_a_script_gets_the_receipt_of_the_stop(program: Freak) -> None:
    thread = once_asked(program, lambda: program.store.record("stop", Applied(step=4), SAVED))
    assert freak("stop", "--json").json["result"] == SAVED
    thread.join(60)


def after_the_end(program: Freak, forget: Callable[[], object] = lambda: None) -> Receipt | None:
    """Ask for a stop, and how it went only once the program is gone."""
    with Client(program.link) as client:
        run, asked = client.run(), client.set({"stop.should_stop": True})
        program.sync(step=3)
        asked = client.wait(asked)
        program.store.record("stop", Applied(step=4), SAVED)
        program.stop()
        forget()
        return wait_for_stop(client, asked, run, time.monotonic() + 30)


def test_what_the_run_said_at_its_very_end_is_read_from_its_journal(program: Freak) -> None:
    stopped = after_the_end(program)
    assert stopped is not None
    assert stopped.result == SAVED


def test_a_run_that_is_gone_with_its_journal_does_not_answer(program: Freak) -> None:
    with pytest.raises(Unreachable):
        after_the_end(program, forget=program.journal_path.unlink)


def test_a_checkpoint_that_cannot_be_saved_is_a_failure(program: Freak) -> None:
    failure = Failed("training goes on, since the disk is full")
    thread = once_asked(
        program, lambda: program.store.record("stop", Applied(step=4), {"reason": None}, error=failure)
    )
    ran = freak("stop", "--json", code=1)
    thread.join(60)
    assert "training goes on" in ran.err
    assert ran.json["receipt"]["name"] == "stop"


@pytest.mark.parametrize(("error", "code", "phase"), [(None, 0, "stopped"), (ValueError("no"), 1, "failed")])
def test_a_program_that_says_no_more_has_stopped_when_it_ends(
    program: Freak, error: Exception | None, code: int, phase: str
) -> None:
    thread = once_asked(program, lambda: program.stop(error))
    assert phase in freak("stop", code=code).err
    thread.join(60)


def test_a_stop_that_does_not_come_in_time_is_pending(program: Freak) -> None:
    thread = once_asked(program, lambda: None)
    ran = freak("stop", "--after", "epoch", "--wait", "2", code=5)
    thread.join(60)
    assert "not stopped yet" in ran.err
    assert "stop.should_stop=false" in ran.err
    assert "stop.should_stop: false → true" in ran.out


def test_a_stop_that_is_taken_back_does_not_come(program: Freak) -> None:
    def take_back() -> None:
        with Client(program.link) as client:
            client.set({"stop.should_stop": False})
            program.sync(step=5)

    thread = once_asked(program, take_back)
    assert "taken back" in freak("stop", code=4).err
    thread.join(60)


def test_a_stop_is_not_awaited_without_patience(served: Serve) -> None:
    served(Stoppable(), name="at once")
    assert freak("stop", "--wait", "0", "--json").json["kind"] == "patch"


def test_what_holds_a_stop_back_is_said() -> None:
    told = {"stop": {"stops": "after this epoch", "held_back_by": "min_epochs=50"}}
    assert (
        when_it_stops(Receipt(kind="patch", result=told))
        == "stops after this epoch, held back by min_epochs=50"
    )
    assert when_it_stops(Receipt(kind="patch", result={"stop": None})) == "stops soon"
    assert when_it_stops(Receipt(kind="patch")) == "stops soon"
