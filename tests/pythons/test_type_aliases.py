"""A state whose types are aliases and generics of PEP 695, steered like any other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from freak_core import Client, Freak, Rejected

type Rate = Annotated[float, Field(gt=0, le=1)]
type Rates = dict[str, Rate]
type Pair[T] = tuple[T, T]
type Layers[T] = list[T]


class Box[T](BaseModel):
    value: T


class Inner(BaseModel):
    rate: Rate = 0.5


class State(BaseModel):
    lr: Rate = 0.1
    rates: Rates = {"a": 0.5}
    pair: Pair[float] = (1.0, 2.0)
    layers: Layers[int] = [1, 2]
    box: Box[float] = Box[float](value=1.0)
    inner: Inner = Inner()
    maybe: Rate | None = None


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def client(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    with Freak(port=0).control(state) as freak, Client(freak.link) as client:
        yield client


CHANGES: list[tuple[str, Any, Any]] = [
    ("lr", 0.2, 2.0),
    ("rates.a", 0.7, 7.0),
    ("rates", {"a": 0.6, "b": 0.1}, {"a": -1.0}),
    ("pair", [3.0, 4.0], [3.0]),
    ("layers", [3], ["x"]),
    ("box.value", 2.0, "x"),
    ("inner.rate", 0.9, 9.0),
    ("maybe", 0.3, 3.0),
]


@pytest.mark.parametrize(("path", "valid", "invalid"), CHANGES, ids=[path for path, *_ in CHANGES])
def test_a_value_behind_an_alias_is_set_and_its_bounds_hold(
    client: Client, path: str, valid: Any, invalid: Any
) -> None:
    assert client.set({path: valid}).status == "applied"
    with pytest.raises(Rejected):
        client.set({path: invalid})
    assert client.get(path) == valid


def test_one_item_of_a_list_is_replaced(client: Client, state: State) -> None:
    layers = state.layers
    client.put("layers.1", 7)
    assert layers == [1, 7]


def test_none_is_taken_where_the_alias_allows_it(client: Client, state: State) -> None:
    client.set({"maybe": 0.3})
    client.set({"maybe": None})
    assert state.maybe is None


def test_the_nested_model_of_the_program_stays_the_same_object(client: Client, state: State) -> None:
    inner, box = state.inner, state.box
    client.set({"inner.rate": 0.25, "box.value": 4.0})
    assert (inner.rate, box.value) == (0.25, 4.0)


def test_the_schema_names_the_aliases(client: Client) -> None:
    definitions = client.schema()["$defs"]
    assert definitions["Rate"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    assert "Pair_float_" in definitions
