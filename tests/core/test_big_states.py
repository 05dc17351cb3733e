"""A write beside big values: how much of them is looked at, and that every change of them is noticed."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, PlainSerializer

from freak_core import Client
from freak_core.messages.state_changes import changed, with_changes
from freak_core.program.store import Store
from freak_core.program.write_request import Write
from tests.core.conftest import Serve
from tests.waiting import eventually

BIG: dict[str, Callable[[int], Any]] = {
    "list[float]": lambda size: [i + 0.5 for i in range(size)],
    "list[int]": lambda size: list(range(size)),
    "tuple[float, ...]": lambda size: tuple(i + 0.5 for i in range(size)),
    "dict[str, float]": lambda size: {f"key {i}": i + 0.5 for i in range(size)},
    "list[str]": lambda size: [f"text {i}" for i in range(size)],
    "list[list[float]]": lambda size: [[i + 0.5 for i in range(size)]],
    "Any": lambda size: [0.5, None, "text", True] * size,
}


HINTS: dict[str, Any] = {
    "list[float]": list[float],
    "list[int]": list[int],
    "tuple[float, ...]": tuple[float, ...],
    "dict[str, float]": dict[str, float],
    "list[str]": list[str],
    "list[list[float]]": list[list[float]],
}


class Inner(BaseModel):
    lr: float = 0.1
    history: list[float] = []


class Outer(BaseModel):
    inner: Inner = Inner()
    rate: float = 0.1


def calls(function: Callable[[], object]) -> int:
    """Return how many functions of Python ``function`` calls."""
    count = 0

    def note(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def state(hint: str, size: int) -> Any:
    namespace = {"__annotations__": {"lr": float, "big": HINTS.get(hint, Any)}, "lr": 0.1}
    kind: Any = type("Big", (BaseModel,), {**namespace, "__module__": __name__})
    return kind(big=BIG[hint](size))


@pytest.mark.parametrize("hint", BIG)
def test_a_write_beside_a_big_value_calls_no_function_for_each_item(hint: str) -> None:
    took = []
    for size in (10, 5_000):
        store = Store(state(hint, size))
        for value in (0.2, 0.3, 0.4):  # the first write and the second find out forms that are kept
            before = calls(lambda store=store, value=value: store.submit(Write("patch", ("lr",), value)))
        took.append(before)
    assert took[1] < took[0] + 50, took


@pytest.mark.parametrize("hint", BIG)
def test_a_big_value_that_has_not_changed_is_not_serialized_again(hint: str) -> None:
    store = Store(state(hint, 100))
    store.submit(Write("patch", ("lr",), 0.2))
    before = store.public()["big"]
    store.submit(Write("patch", ("lr",), 0.3))
    store.refresh()
    assert store.public()["lr"] == 0.3
    assert store.public()["big"] is before


def test_a_write_beside_a_big_value_in_the_same_section_calls_no_function_for_each_item() -> None:
    took = []
    for size in (10, 5_000):
        store = Store(Outer(inner=Inner(history=[i + 0.5 for i in range(size)])))
        for value in (0.2, 0.3, 0.4):
            before = calls(
                lambda store=store, value=value: store.submit(Write("patch", ("inner", "lr"), value))
            )
        took.append(before)
    assert took[1] < took[0] + 50, took


def test_a_big_value_that_no_request_names_is_not_validated_and_serialized_twice_with_each_write() -> None:
    validated: list[float] = []
    serialized: list[float] = []

    def look(value: float) -> float:
        validated.append(value)
        return value

    def show(value: float) -> float:
        serialized.append(value)
        return value

    class Watched(BaseModel):
        lr: float = 0.1
        checked: list[Annotated[float, AfterValidator(look)]] = []
        shown: list[Annotated[float, PlainSerializer(show)]] = []

    store = Store(Watched(checked=[0.5] * 1000, shown=[0.5] * 1000))
    store.submit(Write("patch", ("lr",), 0.2))
    validated.clear()
    serialized.clear()
    store.submit(Write("patch", ("lr",), 0.3))
    assert validated == []
    assert len(serialized) <= 2 * 1000  # the state before and after: a serializer of the program may see all


CHANGES: dict[str, Callable[[Any], object]] = {
    "an item": lambda big: big.__setitem__(3, 77.5),
    "an item appended": lambda big: big.append(77.5),
    "items removed": lambda big: big.__delitem__(slice(2, 5)),
    "an item swapped": lambda big: big.__setitem__(slice(0, 2), [big[1], big[0]]),
    "zero gets a sign": lambda big: big.__setitem__(0, -0.0),
    "one becomes true": lambda big: big.__setitem__(1, True),
    "a text": lambda big: big.__setitem__(3, "text"),
    "not finite": lambda big: big.__setitem__(3, float("nan")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_readers_see_what_the_program_changes_in_a_big_value(change: str) -> None:
    class Loose(BaseModel):
        lr: float = 0.1
        big: Any = None

    model = Loose(big=[0.0, 1, *(i + 0.5 for i in range(1000))])
    store = Store(model)
    store.submit(Write("patch", ("lr",), 0.2))
    CHANGES[change](model.big)
    store.submit(Write("patch", ("lr",), 0.3))
    wanted = [None if each != each else each for each in model.big]  # noqa: PLR0124  NaN
    assert repr(store.public()["big"]) == repr(wanted)
    store.submit(Write("patch", ("lr",), 0.4))
    assert repr(store.public()["big"]) == repr(wanted)


def test_readers_see_what_the_program_changes_deep_in_a_big_value() -> None:
    model = Outer(inner=Inner(history=[0.5] * 1000))
    store = Store(model)
    store.submit(Write("patch", ("rate",), 0.2))
    model.inner.history[7] = 1.5
    store.refresh()
    assert store.public() == model.model_dump()
    model.inner = Inner(history=[2.5] * 1000)
    store.refresh()
    assert store.public() == model.model_dump()


def test_fields_keep_their_order_and_a_validator_cannot_change_what_readers_see() -> None:
    model = Outer(inner=Inner(lr=0.2, history=[0.5] * 10))
    store = Store(model)
    before = str(store.public()).replace("'rate': 0.1", "'rate': 0.2")
    store.submit(Write("patch", ("rate",), 0.2))
    assert str(store.public()) == before


def test_a_request_changes_a_big_value_and_nothing_that_was_read_before() -> None:
    model = Outer(inner=Inner(history=[0.5] * 1000))
    store = Store(model)
    store.submit(Write("patch", ("rate",), 0.2))
    before: Any = store.public()
    held = model.inner.history
    store.submit(Write("put", ("inner", "history", "7"), 3.5))
    shown: Any = store.public()
    assert model.inner.history is held
    assert held[7] == shown["inner"]["history"][7] == 3.5
    assert before["inner"]["history"][7] == 0.5
    store.submit(Write("reset", ("inner",)))
    assert held == [0.5] * 1000


def test_what_has_changed_leads_from_one_state_to_the_other() -> None:
    big = [0.5] * 1000
    before = {"a": {"b": 1, "big": big}, "c": [1]}
    for after in (
        {"a": {"b": 2, "big": big}, "c": [1, 2]},
        {"a": {"big": big}, "c": [1]},
        {"c": [1], "a": {"b": 1, "big": big}},
        {"a": None, "c": []},
        [1],
    ):
        made = changed(before, after)
        assert repr(with_changes(before, made)) == repr(after)
    assert changed(before, {"a": {"b": 2, "big": big}, "c": before["c"]}) == [(["a", "b"], 2)]
    assert before == {"a": {"b": 1, "big": big}, "c": [1]}


def test_the_server_has_the_whole_state_after_each_change(served: Serve) -> None:
    model = Outer(inner=Inner(history=[0.5] * 1000))
    freak = served(model)
    with Client(freak.url, freak.token) as client:
        client.set({"inner.lr": 0.3})
        assert client.get() == model.model_dump()
        model.inner.history[5] = 7.5
        eventually(lambda: client.get("inner.history.5") == 7.5)
        client.set({"rate": 0.4})
        assert client.get() == model.model_dump()
