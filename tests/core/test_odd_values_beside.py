"""Iterators are not used up, and a value that cannot be read or is not valid leaves other fields writable."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, Secret, create_model

from freak_core import Rejected, Store, Write


class Weights:
    """An object of the program; pydantic knows nothing of it."""


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    size: int = 1


def two() -> Iterator[int]:
    yield from (1, 2)


@dataclasses.dataclass
class Feed:
    source: Any


class Holder(BaseModel):
    source: Any = Field(None, exclude=True)


@pytest.mark.parametrize(
    ("hint", "make", "source"),
    [
        (Any, two, lambda value: value),
        (Iterator[int], two, lambda value: value),
        (Iterable[int], two, lambda value: value),
        (Any, lambda: zip((1, 2), strict=True), lambda value: (each for (each,) in value)),
        (list[Any], lambda: [two()], lambda value: value[0]),
        (tuple[Any, int], lambda: (two(), 1), lambda value: value[0]),
        (deque[Any], lambda: deque([two()]), lambda value: value[0]),
        (Feed, lambda: Feed(two()), lambda value: value.source),
        (Holder, lambda: Holder(source=two()), lambda value: value.source),
        (dict[str, Any], lambda: {"a": [two()]}, lambda value: value["a"][0]),
    ],
)
def test_an_iterator_is_not_used_up(hint: Any, make: Any, source: Any) -> None:
    config = ConfigDict(arbitrary_types_allowed=True)
    kind: Any = create_model("Fed", __config__=config, rate=(float, 0.1), feed=(hint, ...))
    state = kind.model_construct(feed=make())
    there, store = state.feed, Store(state)
    for write in (Write("put", ("rate",), 0.2), Write("put", (), store.public()), Write("reset")):
        store.submit(write)
    assert state.feed is there
    assert list(source(state.feed)) == [1, 2]


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Mode(BaseModel):
    name: Literal["fast", "slow"] = "fast"
    size: int = 1


class Person(BaseModel):
    size: int = 1
    parent: "Person | None" = None
    children: list["Person"] = []
    friend: "Person | None" = None


def family() -> Person:
    parent = Person()
    for _ in range(4):
        parent.children.append(Person())
        parent.children[-1].parent = parent.children[-1].friend = parent
    return parent


@pytest.mark.parametrize(
    ("hint", "make"),
    [
        (Literal["fast", "slow"], lambda: "quick"),
        (Mode, lambda: Mode.model_construct(name="quick", size=1)),
        (Mode | None, lambda: Mode.model_construct(name="quick", size=1)),
        (BaseModel, lambda: Loose(weights=Weights())),
        (list[BaseModel], lambda: [Loose(weights=Weights()), Mode()]),
        (Secret[Mute], lambda: Secret(Mute())),
        (Secret[Any], lambda: Secret({"a": [Mute()]})),
        (Person, family),
    ],
)
def test_other_fields_change_beside_a_value_that_is_odd(hint: Any, make: Any) -> None:
    config = ConfigDict(arbitrary_types_allowed=True)
    kind: Any = create_model("Odd", __config__=config, rate=(float, 0.1), odd=(hint, ...))
    state = kind.model_construct(odd=make())
    there, store = state.odd, Store(state)
    store.submit(Write("put", ("rate",), 0.2))
    assert store.submit(Write("put", (), store.public())).changes == []
    assert state.rate == 0.2
    assert state.odd is there


@pytest.mark.parametrize("make", [lambda: 10**5000, Mute, lambda: [1, 10**5000], lambda: {"a": Mute()}])
def test_other_fields_change_beside_a_default_that_is_odd(make: Any) -> None:
    kind: Any = create_model("Odd", rate=(float, 0.1), odd=(Any, make()))
    state = kind()
    there, store = state.odd, Store(state)
    store.submit(Write("put", ("rate",), 0.2))
    store.submit(Write("reset"))
    assert state.rate == 0.1
    assert state.odd is there


@pytest.mark.parametrize("hint", [list[int], list[Any], tuple[int, ...], dict[str, int]])
def test_an_item_beside_a_huge_integer_changes(hint: Any) -> None:
    many = {"0": 10**5000, "1": 1} if hint == dict[str, int] else [10**5000, 1]
    many = tuple(many) if hint == tuple[int, ...] else many
    state: Any = create_model("Odd", many=(hint, ...)).model_construct(many=many)
    Store(state).submit(Write("put", ("many", "1"), 2))
    assert list(state.many.values() if isinstance(many, dict) else state.many) == [10**5000, 2]


def test_a_reset_of_a_list_is_refused_where_its_start_is_not_known() -> None:
    state: Any = create_model("Odd", many=(list[int], ...)).model_construct(many=[10**5000, 1])
    store = Store(state)
    store.submit(Write("put", ("many", "1"), 2))
    with pytest.raises(Rejected, match="has no JSON form"):
        store.submit(Write("reset", ("many",)))
    assert state.many == [10**5000, 2]


def test_a_field_beside_a_tag_that_is_not_valid_changes_and_the_tag_can_be_repaired() -> None:
    state: Any = create_model("Tagged", mode=(Mode, Mode())).model_construct()
    mode = state.mode = Mode.model_construct(name="quick", size=1)
    store = Store(state)
    store.submit(Write("put", ("mode", "size"), 2))
    with pytest.raises(Rejected):
        store.submit(Write("put", ("mode", "name"), "quicker"))
    store.submit(Write("put", ("mode", "name"), "slow"))
    assert (state.mode, mode.name, mode.size) == (mode, "slow", 2)
