"""A value that JSON cannot bring back, or that is not valid, makes only its own path read-only."""

import enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, FilePath, field_validator

from freak_core import Receipt, Store, Write


def ask(store: Store[Any], kind: Any, path: str = "", body: Any = None) -> Receipt:
    """Submit a write, which is applied at once."""
    return store.submit(Write(kind, tuple(path.split(".")) if path else (), body))


class Colour(enum.Enum):
    RED = (255, 0)


def deep(levels: int) -> Any:
    """Return lists in lists."""
    made: Any = []
    for _ in range(levels):
        made = [made]
    return made


class Scaled:
    """A number of another library: it knows its value, JSON does not know it."""

    ndim = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def item(self) -> float:
        """Return the value as a float."""
        return self.value


class Gone(BaseModel):
    path: FilePath

    @field_validator("path")
    @classmethod
    def readable(cls, path: Path) -> Path:
        path.read_bytes()
        return path


class Raising(BaseModel):
    value: int = 1

    @field_validator("value")
    @classmethod
    def fails(cls, value: int) -> int:
        raise RuntimeError("out of order")


ODD: list[tuple[str, Any, Any]] = [
    ("enum of tuples", Colour, Colour.RED),
    ("bytes that are no text", bytes, b"\xff\xfe"),
    ("bytes inside", list[dict[str, bytes]], [{"a": b"\xff"}]),
    ("deep", Any, deep(150)),
    ("very deep", Any, deep(600)),
    ("long integer", Any, 10**5000),
    ("long integer inside", list[int], [1, 10**5000]),
    ("keys of tuples", dict[tuple[int, int], str], {(1, 2): "a"}),
    ("keys with one text", dict[Any, int], {1: 1, "1": 2}),
    ("a text in a number", float, "high"),
    ("None in a number", float, None),
    ("a number of a library", float, Scaled(0.5)),
    ("a model that fails", Raising, Raising.model_construct(value=2)),
    ("a file that is gone", Gone, Gone.model_construct(path=Path("/nowhere/at/all"))),
]


@pytest.mark.parametrize(("hint", "value"), [odd[1:] for odd in ODD], ids=[odd[0] for odd in ODD])
@pytest.mark.parametrize("nested", [False, True])
def test_a_value_that_does_not_come_back_from_json_makes_only_its_path_read_only(
    hint: Any, value: Any, nested: bool
) -> None:
    annotations = {"__annotations__": {"odd": hint, "lr": float}, "lr": 0.1, "odd": None}
    kind: Any = type(
        "Odd",
        (BaseModel,),
        annotations | {"__module__": __name__, "model_config": {"arbitrary_types_allowed": True}},
    )
    odd = kind.model_construct(odd=value)

    class Outer(BaseModel):
        inner: kind
        lr: float = 0.2

    model: Any = Outer.model_construct(inner=odd) if nested else odd
    store = Store(model)
    assert store.read_only
    assert all(path.startswith("/inner/odd" if nested else "/odd") for path in store.read_only)
    path = "inner.lr" if nested else "lr"
    assert ask(store, "put", path, 0.5).changes[0].new == 0.5
    ask(store, "patch", "", {"lr": 0.7})
    ask(store, "put", "", store.public())
    ask(store, "reset", path)
    assert (model.lr, odd.lr) == ((0.7, 0.1) if nested else (0.1, 0.1))
    assert odd.odd is value


def test_a_number_of_another_library_is_shown_as_a_number_and_can_be_replaced() -> None:
    class Numbers(BaseModel):
        lr: float = 0.1
        rates: list[float] = []

    model = Numbers()
    store = Store(model)
    scaled = model.lr = Scaled(0.5)  # type: ignore[assignment]
    model.rates = [1.0, scaled]  # type: ignore[list-item]
    store.refresh()
    assert store.public() == {"lr": 0.5, "rates": [1.0, 0.5]}
    ask(store, "put", "rates.0", 2.0)
    assert model.lr is scaled  # type: ignore[comparison-overlap]
    assert model.rates == [2.0, scaled]
    ask(store, "put", "lr", 0.25)
    assert type(model.lr) is float
