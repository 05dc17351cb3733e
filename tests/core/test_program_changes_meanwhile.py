"""The program changes its state in another thread while a request is carried out: neither loses anything."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, Field, PrivateAttr, field_validator, model_validator

from freak_core import Store, Write
from tests.core.conftest import Serve


class Item(BaseModel):
    size: int = 1


class State(BaseModel):
    n: int = 0
    items: list[Item] = [Item(), Item()]
    by_name: dict[str, Item] = {"a": Item()}
    numbers: list[float] = [0.0, 1.0]
    names: dict[str, int] = {"a": 1, "b": 2}
    step: int = 0
    _meanwhile: list[Callable[[], None]] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _program_runs(self) -> "State":
        while self._meanwhile:
            self._meanwhile.pop(0)()
        return self


def change(state: State, path: str, body: Any, *meanwhile: Callable[[], None], kind: Any = "put") -> Any:
    """Carry out a request on ``state``, while the program does something."""
    store = Store(state)
    state._meanwhile.extend(meanwhile)
    return store.submit(Write(kind, tuple(path.split("/")), body))


def test_an_append_is_kept_whatever_a_request_does_to_the_list() -> None:
    state = State()
    added = Item(size=9)
    change(state, "items/0/size", 5, lambda: state.items.append(added))
    assert [each.size for each in state.items] == [5, 1, 9]
    assert state.items[2] is added
    change(state, "numbers/0", 5.0, lambda: state.numbers.append(7.0))
    assert state.numbers == [5.0, 1.0, 7.0]
    change(state, "numbers", [4.0], lambda: state.numbers.append(8.0))
    assert state.numbers == [4.0, 8.0]


def test_a_key_that_the_program_adds_is_kept() -> None:
    state = State()
    change(state, "by_name/a/size", 5, lambda: state.by_name.update(b=Item(size=9)))
    assert {name: each.size for name, each in state.by_name.items()} == {"a": 5, "b": 9}
    change(state, "names", {"a": 3}, lambda: state.names.update(c=4))
    assert state.names == {"a": 3, "c": 4}


def test_a_request_for_another_field_succeeds_and_lists_only_its_own_change() -> None:
    state = State()

    def program() -> None:
        state.items.insert(0, Item(size=7))
        state.names.clear()
        state.step += 1

    receipt = change(state, "n", 3, program)
    assert [each.path for each in receipt.changes] == ["/n"]
    assert (state.n, [each.size for each in state.items], state.names, state.step) == (3, [7, 1, 1], {}, 1)


def test_what_the_program_set_itself_is_validated_once_more() -> None:
    state = State()
    receipt = change(state, "n", 3, lambda: setattr(state, "n", 5))
    assert [(each.old, each.new) for each in receipt.changes] == [(5, 3)]


class Counted(BaseModel):
    n: int = 0
    _program: list[Any] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _counts(self) -> "Counted":
        for live in self._program:
            live.n += 1
        return self


def test_a_value_that_the_program_changes_all_the_time_is_refused_with_409_and_stays() -> None:
    state = Counted()
    store = Store(state)
    state._program.append(state)
    receipt = store.submit(Write("put", ("n",), 9))
    assert receipt.status == "failed"
    refused = receipt.refused()
    assert refused is not None
    assert (refused.status, state.n) == (409, 2)
    assert "the program changed this value" in refused.detail


class Slow(BaseModel):
    rate: float = Field(1.0, gt=0)

    @field_validator("rate")
    @classmethod
    def _slow(cls, rate: float) -> float:
        begun.set()
        assert done.wait(30)
        return rate


begun, done = threading.Event(), threading.Event()


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_the_program_need_not_wait_for_a_validator(apply: Any) -> None:
    begun.clear()
    done.set()
    state = Slow()
    store = Store(state, apply)
    begun.clear()
    done.clear()
    thread = threading.Thread(target=store.submit, args=[Write("put", ("rate",), 2.0)])
    thread.start()
    assert begun.wait(30)
    started = time.monotonic()
    with store.locked() as live:
        assert live.rate == 1.0
    assert store.snapshot().rate == 1.0
    store.refresh()
    assert time.monotonic() - started < 5
    done.set()
    thread.join(30)
    for entry in store.take():
        store.carry_out(entry)
    assert state.rate == 2.0


def test_writes_from_a_client_succeed_while_a_list_and_a_dict_grow(served: Serve, connect: Any) -> None:
    state = State()
    freak = served(state)
    stop, added = threading.Event(), [0]

    def grow() -> None:
        while not stop.wait(0.002):
            state.numbers.append(1.0)
            state.names[f"k{added[0]}"] = 1
            state.step += 1
            added[0] += 1

    thread = threading.Thread(target=grow)
    thread.start()
    http = connect(freak)
    answers = [http.put("state/n", json=n).status_code for n in range(1, 31)]
    answers += [http.put("state/items/1/size", json=n).status_code for n in range(1, 11)]
    stop.set()
    thread.join(30)
    assert set(answers) == {200}
    assert (state.n, state.items[1].size, state.step) == (30, 10, added[0])
    assert (len(state.numbers), len(state.names)) == (2 + added[0], 2 + added[0])
