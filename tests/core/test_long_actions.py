"""An action that takes long, where requests are applied as they arrive: it holds nobody up."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI

from freak_core import Client, Freak, RunOver, TooManyRequests, Unreachable, Write
from freak_core.program import waiting_writes
from freak_core.server.api import routes
from tests.core.bad_network import Canned
from tests.core.conftest import Serve
from tests.core.steered import Steered
from tests.core.twins import Twin
from tests.waiting import eventually


class Slow:
    """An action that goes on until it may end."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.calls: list[int] = []

    def slow(self, number: int = 0) -> int:
        self.calls.append(number)
        assert self.may_end.wait(60)
        return number


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.may_end.set()


@pytest.fixture
def freak(home: object, closing: ExitStack, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> Freak:
    """Served in this process, where patience can be shortened."""
    monkeypatch.setattr(routes, "AT_ONCE_WITHIN", 0.1)
    freak = closing.enter_context(Freak(FastAPI(), port=0))
    freak.action(slow.slow)
    return freak.control(Steered(), serve=True)


def test_changes_go_on_while_an_action_is_under_way(freak: Freak, slow: Slow) -> None:
    with Client(freak.link, timeout=30) as client:
        first = client.call("slow", number=1, key="once")
        assert first.status == "accepted"
        assert client.set({"epochs": 20}, if_match=client.revision()).status == "applied"
        second = client.call("slow", number=2)
        assert client.call("slow", number=1, key="once").id == first.id
        assert slow.calls == [1]
        slow.may_end.set()
        assert [client.wait(each, 60).result for each in (first, second)] == [1, 2]
        assert slow.calls == [1, 2]


def test_an_action_is_answered_with_its_end_or_else_as_accepted(served: Serve, slow: Slow) -> None:
    freak = Freak(port=0)
    freak.action(slow.slow)
    served(freak=freak)
    with Client(freak.link, timeout=30) as client:
        accepted = client.call("slow", number=1)
        assert accepted.status == "accepted"
        slow.may_end.set()
        assert client.call("slow", number=2).status == "applied"
        assert client.receipt(accepted.id).result == 1


def test_a_run_may_end_while_an_action_is_under_way(freak: Freak, slow: Slow) -> None:
    with Client(freak.link, timeout=30) as client:
        begun, waits = client.call("slow", number=1), client.call("slow", number=2)
    store = freak.store
    freak.stop()
    assert store.receipts.get(waits.id).status == "failed"  # type: ignore[union-attr]
    slow.may_end.set()
    eventually(lambda: store.receipts.get(begun.id).status == "applied")  # type: ignore[union-attr]
    assert slow.calls == [1]


def test_who_is_not_answered_is_told_the_key_to_repeat_it_with(twin: Twin) -> None:
    with Canned(None) as server, twin(server.url, "t", timeout=0.2) as client:
        with pytest.raises(Unreachable) as lost:
            client.set({"a": 1})
        assert lost.value.key
        with pytest.raises(Unreachable) as again:
            client.set({"a": 1}, key=lost.value.key)
        assert again.value.key == lost.value.key


def test_actions_that_wait_can_be_cancelled_and_are_not_without_number(
    freak: Freak, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_writes, "MOST_PENDING", 2)
    begun = freak.store.submit(Write("action", name="slow", body={"number": 1}))
    eventually(lambda: slow.calls == [1])
    waits = [freak.store.submit(Write("action", name="slow", body={"number": n})) for n in (2, 3)]
    with pytest.raises(TooManyRequests):
        freak.store.submit(Write("action", name="slow", body={"number": 4}))
    with pytest.raises(RunOver):
        freak.store.cancel(begun.id)
    assert freak.store.cancel(waits[0].id).status == "cancelled"
    slow.may_end.set()
    eventually(lambda: freak.store.receipts.get(waits[1].id).status == "applied")  # type: ignore[union-attr]
    assert slow.calls == [1, 3]
