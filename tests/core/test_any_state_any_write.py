"""Random states and random writes: what a write did not name is the very same object before and after."""

import dataclasses
import datetime as dt
import decimal
import enum
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, create_model

from freak_core import Refused, Store, Write
from tests.soak import SOAK


class Weights:
    """An object of the program without a JSON form."""


class Scaled(Weights):
    """A number of another library."""

    ndim = 0

    def item(self) -> float:
        """Return the value as a float."""
        return 0.5


class Colour(enum.Enum):
    RED = (255, 0)
    BLUE = (0, 255)


class Layer(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    weights: Weights = Field(default_factory=Weights)
    size: int = 1
    rates: list[float] = Field(default_factory=lambda: [0.1, 0.25])
    _uses: list[Weights] = PrivateAttr(default_factory=lambda: [Weights()])


class Frozen(Layer):
    model_config = ConfigDict(frozen=True)


class Loose(Layer):
    model_config = ConfigDict(extra="allow")


class Named(NamedTuple):
    size: int
    weights: Any


@dataclasses.dataclass
class Held:
    weights: Any
    size: int = 1


@dataclasses.dataclass(frozen=True)
class Kind:
    """A type of field, how to make a value of it, and writes below it."""

    hint: Any
    make: Callable[[], Any]
    writes: list[tuple[tuple[str, ...], Any]]


KINDS = [
    Kind(float, lambda: 0.5, [((), 0.25), ((), "x"), ((), None)]),
    Kind(float, lambda: "not a number", [((), 0.25), ((), "x")]),
    Kind(float, lambda: float("nan"), [((), 0.25)]),
    Kind(float, Scaled, [((), 0.25), ((), "x")]),
    Kind(int | None, lambda: None, [((), 3), ((), None), ((), 0.5)]),
    Kind(str, lambda: "text", [((), "other"), ((), 3)]),
    Kind(bytes, lambda: b"\xff", [((), "text")]),
    Kind(SecretStr, lambda: SecretStr("s"), [((), "other"), ((), "**********")]),
    Kind(dt.datetime, lambda: dt.datetime.now(dt.UTC), [((), "2024-01-01T00:00:00Z"), ((), "x")]),
    Kind(decimal.Decimal, lambda: decimal.Decimal("1.50"), [((), "2.5")]),
    Kind(Colour, lambda: Colour.RED, [((), [0, 255])]),
    Kind(Weights, Weights, [((), 1), ((), "<Weights>")]),
    Kind(Weights | None, Weights, [((), None), ((), {})]),
    Kind(Callable[..., Any], lambda: max, [((), "max")]),
    Kind(Any, threading.Lock, [((), 1)]),
    Kind(Any, lambda: {"a": [Weights(), {"b": 1}]}, [(("a", "1", "b"), 2), (("a", "0"), 2), ((), 3)]),
    Kind(Layer, Layer, [(("size",), 2), ((), {"size": 2}), (("rates", "1"), 9.0), (("sise",), 1)]),
    Kind(Frozen, Frozen, [(("size",), 2), ((), {"size": 2})]),
    Kind(
        Loose, lambda: Loose(extra=Weights(), more=[1]), [(("size",), 2), (("more", "0"), 2), (("new",), 1)]
    ),
    Kind(list[float], lambda: [0.5, 1.5, float("inf")], [(("1",), 2.0), ((), [1.0]), (("9",), 2.0)]),
    Kind(list[float], lambda: [0.5, Scaled(), "x"], [(("0",), 2.0), (("2",), 2.0)]),
    Kind(list[Any], lambda: [Weights(), 1, {"a": Weights()}], [(("1",), 2), (("2", "a"), 2)]),
    Kind(list[Layer], lambda: [Layer(), Layer()], [(("0", "size"), 2), (("1",), {"size": 2})]),
    Kind(list, lambda: [Weights(), 5], [(("1",), 2)]),
    Kind(dict[str, Layer], lambda: {"a": Layer(), "b": Layer()}, [(("a", "size"), 2), (("c",), {})]),
    Kind(dict[str, Any], lambda: {"a": Weights(), "b": 1}, [(("b",), 2), ((), {"c": 1}), (("a",), None)]),
    Kind(dict[tuple[int, int], int], lambda: {(1, 2): 3}, [(("1,2",), 4)]),
    Kind(OrderedDict[str, Layer], lambda: OrderedDict(a=Layer()), [(("a", "size"), 2)]),
    Kind(deque[Weights], lambda: deque([Weights()]), [((), [1])]),
    Kind(set[int], lambda: {1, 2}, [((), [1, 3])]),
    Kind(tuple[int, Weights], lambda: (1, Weights()), [(("0",), 2)]),
    Kind(tuple[Layer, int], lambda: (Layer(), 1), [(("0", "size"), 2)]),
    Kind(Named, lambda: Named(1, Weights()), [(("0",), 2)]),
    Kind(Held, lambda: Held(Weights()), [(("size",), 2), ((), {"size": 2})]),
]


@st.composite
def fields_and_writes(draw: st.DrawFn) -> tuple[list[Kind], bool, list[tuple[str, tuple[str, ...], Any]]]:
    """Draw fields, whether they are in a nested model, and writes."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
    writes = []
    for number in draw(st.lists(st.integers(0, len(kinds) - 1), min_size=1, max_size=4)):
        path, body = draw(st.sampled_from(kinds[number].writes))
        writes.append((draw(st.sampled_from(["put", "patch", "reset"])), (f"f{number}", *path), body))
    return kinds, draw(st.booleans()), writes


def everything(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield path and object of every value in ``value``, private ones too."""
    yield path, value
    inside: dict[Any, Any] = {}
    if isinstance(value, BaseModel):
        inside = value.__dict__ | (value.__pydantic_extra__ or {}) | (value.__pydantic_private__ or {})
    elif isinstance(value, dict):
        inside = value
    elif isinstance(value, list | tuple | deque):
        inside = dict(enumerate(value))
    elif isinstance(value, Held):
        inside = value.__dict__
    for key, each in inside.items():
        yield from everything(each, (*path, ",".join(map(str, key)) if isinstance(key, tuple) else str(key)))


def is_value(holder: Any) -> bool:
    """Whether an object is replaced as a whole when something in it changes."""
    return isinstance(holder, tuple | set | deque | Frozen)


def has_null(value: object) -> bool:
    """Return whether a null is anywhere in a JSON value."""
    if isinstance(value, dict | list):
        return any(map(has_null, value.values() if isinstance(value, dict) else value))
    return value is None


@settings(max_examples=300 if SOAK else 100, deadline=None)
@given(fields_and_writes())
def test_what_a_write_does_not_name_is_the_same_object_and_an_unedited_state_changes_nothing(
    drawn: tuple[list[Kind], bool, list[tuple[str, tuple[str, ...], Any]]],
) -> None:
    kinds, nested, writes = drawn
    config = ConfigDict(arbitrary_types_allowed=True)
    hints: dict[str, Any] = {f"f{i}": (kind.hint, ...) for i, kind in enumerate(kinds)}
    inner = create_model("Inner", __config__=config, **hints)
    model: Any = inner.model_construct(**{f"f{i}": kind.make() for i, kind in enumerate(kinds)})
    if nested:
        outer: Any = create_model("Outer", inner=(inner, ...))
        model, writes = outer.model_construct(inner=model), [(k, ("inner", *p), b) for k, p, b in writes]
    store = Store(model)
    for kind, path, body in writes:
        before = dict(everything(model))
        try:
            store.submit(Write(kind, path, body))  # type: ignore[arg-type]
            named = path
        except Refused:
            named = ("nothing",)
        after = dict(everything(model))
        for there, value in before.items():
            below, above = there[: len(named)] == named, named[: len(there)] == there
            if not below and not (above and is_value(value)):
                held_by_value = any(is_value(before[there[:depth]]) for depth in range(len(there)))
                if there in after or not held_by_value:
                    assert after.get(there) is value, (kind, path, body, there)
    before = dict(everything(model))
    # A merge patch removes a key by its null, so what has one comes back unchanged with a put only.
    for kind in ("put",) if has_null(store.public()) else ("put", "patch"):
        assert store.submit(Write(kind, (), store.public())).changes == []  # type: ignore[arg-type]
        assert all(value is before[there] for there, value in everything(model))
