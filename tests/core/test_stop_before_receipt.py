"""A program may see that it is to stop before the request has its receipt; its end names the request."""

import threading
from typing import Any

import pytest
from pydantic import BaseModel

from freak_core import Client, Store
from tests.core.conftest import Serve
from tests.waiting import eventually


class Stop(BaseModel):
    should_stop: bool = False


class State(BaseModel):
    stop: Stop = Stop()


def test_a_program_that_ends_at_once_was_stopped(served: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    complete, wait, ending = Store.complete, Store.wait_for_begun, threading.Event()

    def late(self: Store[Any], *given: Any, **told: Any) -> Any:
        ending.wait(10)
        return complete(self, *given, **told)

    def wait_and_tell(self: Store[Any]) -> None:
        ending.set()
        wait(self)

    monkeypatch.setattr(Store, "complete", late)
    monkeypatch.setattr(Store, "wait_for_begun", wait_and_tell)
    state = State()
    freak = served(state, name="short")
    with Client(freak.link or "") as client:
        asks = threading.Thread(
            target=client.set, args=({"stop.should_stop": True},), kwargs={"note": "enough"}
        )
        asks.start()
        eventually(lambda: state.stop.should_stop)
        freak.stop()
        asks.join(10)
    assert freak.ended is not None
    assert (freak.ended.phase, freak.ended.reason) == ("stopped", "enough")
