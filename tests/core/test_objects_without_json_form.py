"""What JSON cannot hold survives every write, and what is not valid makes only its own path read-only."""

import dataclasses
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    PrivateAttr,
    RootModel,
    field_serializer,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from freak_core import Receipt, Rejected, Store, Write
from freak_core.errors import Refused


class Weights:
    """An object of the program; pydantic knows nothing of it."""

    def __init__(self, values: list[float]) -> None:
        self.values = values


class Loose(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    size: int = 1


class Layer(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    weights: Weights
    size: int = 1
    _uses: list[int] = PrivateAttr(default_factory=list)


class Frozen(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)
    weights: Weights
    size: int = 1
    _uses: list[int] = PrivateAttr(default_factory=list)


class Wrapped(RootModel[InstanceOf[Weights]]):
    pass


class Typed(TypedDict):
    weights: Any
    size: int


class Named(NamedTuple):
    size: int
    weights: Any


@dataclasses.dataclass
class Held:
    weights: Any
    size: int = 1


class State(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    weights: Weights
    lock: Any
    loss: Callable[..., Any]
    layer: Layer
    frozen: Frozen
    loose: Loose
    wrapped: Wrapped
    typed: Typed
    named: Named
    held: Held
    listed: list[Any]
    by_name: dict[str, Any]
    pair: tuple[int, Weights]
    layers: list[Layer]
    by_layer: dict[str, Layer]
    maybe: Weights | None
    either: Weights | int
    untyped: list  # type: ignore[type-arg]
    several: set[Weights]
    ordered: OrderedDict[str, Layer]
    defaults: defaultdict[str, list[Layer]]
    queue: deque[Weights]
    lr: float = 0.1
    _engine: object = PrivateAttr(default_factory=object)


def layer() -> Layer:
    """Return a layer with weights and a private attribute of its own."""
    made = Layer(weights=Weights([1.0]))
    made._uses.append(7)
    return made


def state() -> State:
    """Return a state in which objects without a JSON form are in every kind of container."""
    return State(
        weights=Weights([1.0, 2.0]),
        lock=threading.Lock(),
        loss=max,
        layer=layer(),
        frozen=Frozen(weights=Weights([])),
        loose=Loose(size=2, extra=Weights([3.0])),
        wrapped=Wrapped(Weights([])),
        typed={"weights": Weights([]), "size": 1},
        named=Named(1, Weights([])),
        held=Held(Weights([])),
        listed=[1, Weights([]), {"a": Weights([])}],
        by_name={"a": Weights([]), "b": 2, "c": {"d": [Weights([])]}},
        pair=(1, Weights([])),
        layers=[layer(), layer()],
        by_layer={"a": layer()},
        maybe=Weights([]),
        either=Weights([]),
        untyped=[Weights([]), 5],
        several={Weights([])},
        ordered=OrderedDict(a=layer()),
        defaults=defaultdict(list, a=[layer()]),
        queue=deque([Weights([])]),
    )


def objects(value: Any, found: dict[int, Any] | None = None) -> dict[int, Any]:
    """Return by identity every object without a JSON form that ``value`` holds, private ones too."""
    found = {} if found is None else found
    if isinstance(value, RootModel):
        objects(value.root, found)
    elif isinstance(value, BaseModel):
        for each in [value.__dict__, value.__pydantic_extra__ or {}, value.__pydantic_private__ or {}]:
            objects(each, found)
    elif isinstance(value, dict):
        for each in value.values():
            objects(each, found)
    elif isinstance(value, list | tuple | set | deque):
        for each in value:
            objects(each, found)
    elif dataclasses.is_dataclass(value):
        objects(value.__dict__, found)
    elif type(value) not in (int, float, str, bool, type(None)):
        found[id(value)] = value
    return found


def ask(store: Store[Any], kind: Any, path: str = "", body: Any = None) -> Receipt:
    """Submit a write, which is applied at once."""
    return store.submit(Write(kind, tuple(path.split(".")) if path else (), body))


WRITES: list[tuple[str, str, Any]] = [
    ("put", "lr", 0.5),
    ("patch", "", {"lr": 0.5}),
    ("patch", "layer", {"size": 2}),
    ("put", "layer", {"size": 2}),
    ("put", "layer.size", 2),
    ("put", "frozen.size", 2),
    ("patch", "loose", {"size": 3, "new": 1}),
    ("put", "typed.size", 2),
    ("put", "named.0", 2),
    ("put", "held.size", 2),
    ("put", "listed.0", 9),
    ("put", "by_name.b", 9),
    ("put", "pair.0", 9),
    ("patch", "layers.1", {"size": 9}),
    ("put", "layers.0", {"size": 9}),
    ("put", "by_layer.a.size", 9),
    ("put", "untyped.1", 9),
    ("put", "ordered.a.size", 9),
    ("put", "defaults.a.0.size", 9),
]


@pytest.mark.parametrize(("kind", "path", "body"), WRITES, ids=[f"{k}-{p}" for k, p, _ in WRITES])
@pytest.mark.parametrize("then", ["nothing", "reset"])
def test_every_object_is_still_there_after_a_write_and_a_reset(
    kind: str, path: str, body: Any, then: str
) -> None:
    model = state()
    before = objects(model)
    store = Store(model)
    assert ask(store, kind, path, body).changes
    if then == "reset":
        ask(store, "reset")
        assert model.lr == 0.1
    after = objects(model)
    assert all(each in after for each in before)


def test_the_state_as_read_can_be_sent_back_and_changes_nothing() -> None:
    model = state()
    held, before, store = dict(model.__dict__), objects(model), Store(model)
    for kind in ("put", "patch"):
        assert ask(store, kind, "", store.public()).changes == []
        for name, value in store.public().items():
            assert ask(store, kind, name, value).changes == []
    assert objects(model) == before
    assert all(model.__dict__[name] is value for name, value in held.items())


@pytest.mark.parametrize("name", ["weights", "loss", "wrapped", "pair", "queue", "several"])
def test_an_object_cannot_be_replaced_by_json(name: str) -> None:
    model = state()
    held = model.__dict__[name]
    with pytest.raises(Rejected) as refused:
        ask(Store(model), "put", name, [1, 2])
    assert refused.value.errors
    assert model.__dict__[name] is held


def test_the_text_that_stands_for_an_object_does_not_get_into_the_state() -> None:
    model = state()
    for path, body in [
        ("listed", [1, "<Weights>", "<Weights>"]),
        ("by_name", {"e": "<Weights>"}),
        ("untyped.1", "<Weights>"),
    ]:
        with pytest.raises(Rejected, match="not valid") as refused:
            ask(Store(model), "put", path, body)
        assert refused.value.errors[0]["type"] == "read_only"


def test_an_object_in_a_list_moves_where_its_text_moves() -> None:
    model = state()
    one, weights, inner = model.listed
    ask(Store(model), "put", "listed", ["<Weights>", {"a": "<Weights>"}, 1])
    assert model.listed == [weights, inner, one]
    assert model.listed[0] is weights
    assert model.listed[1] is inner
    ask(Store(model), "json_patch", "listed", [{"op": "remove", "path": "/1"}])
    ask(Store(model), "json_patch", "listed", [{"op": "move", "from": "/0", "path": "/1"}])
    assert model.listed == [1, weights]
    move = {"op": "move", "from": "/listed/1", "path": "/lr"}
    with pytest.raises(Rejected, match="same type"):
        ask(Store(model), "json_patch", "", [move])


def test_an_object_that_came_since_the_start_survives_a_reset() -> None:
    model = state()
    store = Store(model)
    new = model.weights = Weights([9.0])
    model.by_name["since"] = new
    model.layer.weights = new
    ask(store, "put", "lr", 0.5)
    ask(store, "reset")
    assert model.weights is model.by_name["since"] is model.layer.weights is new
    assert model.lr == 0.1


def test_a_repair_keeps_every_object() -> None:
    class Checked(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        lr: float = Field(0.1, gt=0)
        weights: Weights = Field(default_factory=lambda: Weights([]))
        layer: Layer = Field(default_factory=layer)

    model = Checked()
    trained, inner = model.weights, model.layer.weights
    model.lr = 0.0
    model.layer.size = "x"  # type: ignore[assignment]
    store = Store(model)
    ask(store, "put", "lr", 0.5)
    assert (model.lr, repr(model.layer.size)) == (0.5, "'x'")
    ask(store, "patch", "", {"layer": {"size": 3}})
    assert model.layer.size == 3
    assert (model.weights, model.layer.weights) == (trained, inner)
    assert model.layer._uses == [7]


def test_a_value_with_a_serializer_of_its_own_stays_the_same_object() -> None:
    class Saved(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        weights: Weights
        lr: float = 0.1

        @field_validator("weights", mode="before")
        @classmethod
        def read(cls, value: Any) -> Any:
            return Weights(value) if isinstance(value, list) else value

        @field_serializer("weights")
        def shown(self, weights: Weights) -> list[float]:
            return weights.values

    model = Saved(weights=Weights([1.0, 2.0]))
    held, store = model.weights, Store(model)
    ask(store, "put", "lr", 0.5)
    ask(store, "put", "", store.public())
    ask(store, "put", "weights", [1.0, 2.0])
    assert model.weights is held
    ask(store, "put", "weights.1", 5.0)
    assert model.weights.values == [1.0, 5.0]
    ask(store, "reset")
    assert (model.weights.values, model.lr) == ([1.0, 2.0], 0.1)


def test_validators_see_the_objects_and_their_changes_are_written() -> None:
    seen: list[Any] = []

    class Watching(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        weights: Weights
        inner: Any = None
        total: int = 0
        lr: float = 0.1

        @model_validator(mode="before")
        @classmethod
        def look(cls, data: Any) -> Any:
            seen.append(data["weights"])
            return data

        @model_validator(mode="wrap")
        @classmethod
        def around(cls, data: Any, handler: Any) -> Any:
            seen.append(data["inner"][0])
            return handler(data)

        @model_validator(mode="after")
        def count(self) -> "Watching":
            seen.append(self.weights)
            self.total = len(self.weights.values)
            return self

    inner = [Weights([])]
    model = Watching(weights=Weights([1.0, 2.0]), inner=inner)
    held, store = model.weights, Store(model)
    held.values.append(3.0)
    seen.clear()
    ask(store, "put", "lr", 0.5)
    assert {id(each) for each in seen} == {id(held), id(inner[0])}
    assert model.weights is held
    assert (model.inner, model.inner[0]) == (inner, inner[0])


def test_what_other_libraries_keep_in_a_model_stays_and_cached_properties_are_forgotten() -> None:
    class Cached(BaseModel):
        lr: float = 0.1

        @cached_property
        def double(self) -> float:
            return self.lr * 2

    model = Cached()
    note = model.__dict__["_note"] = object()
    assert model.double == 0.2
    ask(Store(model), "put", "lr", 0.5)
    assert model.__dict__["_note"] is note
    assert model.double == 1.0


def test_a_dataclass_keeps_its_identity_and_what_is_attached_to_it() -> None:
    model = state()
    held = model.held
    held.__dict__["note"] = note = object()
    item, pair = model.named, model.pair
    store = Store(model)
    ask(store, "put", "held.size", 5)
    assert model.held is held
    assert (held.size, held.__dict__["note"]) == (5, note)
    ask(store, "put", "named.0", 5)
    assert model.named == (5, item.weights)
    assert model.pair is pair
    frozen = model.frozen
    frozen._uses.append(3)
    ask(store, "put", "frozen.size", 5)
    assert model.frozen._uses == [3]


def test_a_refused_write_and_a_revert_leave_every_object() -> None:
    model = state()
    before, store = objects(model), Store(model)
    with pytest.raises(Refused):
        ask(store, "patch", "", {"lr": "x", "layer": {"size": 5}})
    memento = store.memento()
    for kind, path, body in WRITES:
        ask(store, kind, path, body)
    store.revert(memento)
    assert objects(model) == before
    assert (model.lr, model.layer.size, model.held.size) == (0.1, 1, 1)
