"""Dataclasses in a state: what a request does not name stays, also what readers do not see."""

import dataclasses
import threading
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic.dataclasses
import pytest
from pydantic import BaseModel, Field, SecretStr, TypeAdapter

from freak_core.errors import Rejected
from freak_core.state.snapshot import Snapshot
from freak_core.state.transaction import Change, Operation, commit, document, propose, public

T = TypeVar("T")


@dataclasses.dataclass
class Box:
    width: int = 1
    count: int = dataclasses.field(default=0, init=False)
    notes: list[str] = dataclasses.field(default_factory=list, init=False)
    area: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.area = self.width * 10


@pydantic.dataclasses.dataclass
class Login:
    name: str = "nobody"
    password: str = Field("none", exclude=True)
    tries: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    size: int = 1
    lock: Any = None
    key: SecretStr = dataclasses.field(default_factory=lambda: SecretStr("none"))
    rows: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    size: int = 1
    seen: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass
class Sub(Slotted):
    more: int = 2


@dataclasses.dataclass
class Pair(Generic[T]):
    one: T
    two: Any = None


class State(BaseModel):
    held: Any = None


def changed(model: BaseModel, path: str, value: Any, kind: Any = "put") -> list[Change]:
    """Carry out one request on the value at a path written with dots."""
    return commit(
        model, propose(model, [Operation(kind, tuple(path.split(".")), value)], document(model))
    ).changes


def state(hint: Any, value: Any) -> Any:
    """Return a state whose field has the declared type ``hint``."""
    kind = pydantic.create_model("State", held=(hint, None))
    model = kind()
    model.held = value
    return model


@pytest.mark.parametrize("hint", [Box, Any, Box | int, list[Box], dict[str, Any]])
def test_a_field_that_cannot_be_given_stays_or_is_computed_again(hint: Any) -> None:
    box = Box()
    box.count, box.notes, box.extra = 7, ["mine"], object()  # type: ignore[attr-defined]
    attached = box.extra  # type: ignore[attr-defined]
    inside = hint in (list[Box], dict[str, Any])
    model = state(hint, ([box] if hint == list[Box] else {"0": box}) if inside else box)
    changed(model, "held.0.width" if inside else "held.width", 2)
    now = (
        (next(iter(model.held.values())) if isinstance(model.held, dict) else model.held[0])
        if inside
        else model.held
    )
    assert now is box
    assert (box.width, box.area, box.count, box.notes) == (2, 20, 7, ["mine"])
    assert box.extra is attached  # type: ignore[attr-defined]


def test_a_field_that_cannot_be_given_is_read_only() -> None:
    model = state(Box, Box())
    with pytest.raises(Rejected, match="computed"):
        changed(model, "held.count", 3)
    changed(model, "held", {"width": 4, "count": 0, "notes": []})  # as it is read
    assert (model.held.width, model.held.area) == (4, 40)


@pytest.mark.parametrize("kind", ["put", "patch"])
def test_a_field_that_readers_do_not_see_stays(kind: str) -> None:
    login = Login()
    login.password, login.tries = "mine", 3
    model = state(Login, login)
    assert "mine" not in str(public(model))
    changed(model, "held", {"name": "somebody"}, kind)
    assert (login.name, login.password, login.tries) == ("somebody", "mine", 3)
    assert model.held is login


def test_a_list_of_dataclasses_keeps_for_each_what_readers_do_not_see() -> None:
    logins = [Login("a"), Login("b")]
    logins[1].password = "mine"
    model = state(list[Login], list(logins))
    changed(model, "held", [{"name": "c"}, {"name": "b"}, {"name": "a"}])
    assert [(each.name, each.password) for each in model.held] == [
        ("c", "none"),
        ("b", "mine"),
        ("a", "none"),
    ]
    assert model.held[1] is logins[1]


@pytest.mark.parametrize("hint", [Slotted, Any, list[Slotted], Slotted | None])
def test_a_dataclass_with_slots_keeps_its_identity_and_its_objects(hint: Any) -> None:
    held = Slotted(lock=threading.Lock(), key=SecretStr("mine"))
    lock = held.lock
    model = state(hint, [held] if hint == list[Slotted] else held)
    way = "held.0" if hint == list[Slotted] else "held"
    changed(model, f"{way}.size", 5)
    changed(model, f"{way}.rows", [1])
    assert (model.held[0] if hint == list[Slotted] else model.held) is held
    assert (held.size, held.rows, held.key.get_secret_value()) == (5, [1], "mine")
    assert held.lock is lock
    with pytest.raises(Rejected, match="valid integer"):
        changed(model, f"{way}.size", "large")


def test_what_a_failed_request_has_written_into_slots_is_put_back() -> None:
    model = state(Slotted, Slotted())
    before = Snapshot(model)
    model.held.size = 9
    assert not before.unchanged()
    before.restore()
    assert model.held.size == 1


def test_a_frozen_dataclass_is_replaced_with_what_cannot_be_given() -> None:
    held = Frozen()
    object.__setattr__(held, "seen", 4)
    model = state(Frozen, held)
    changed(model, "held.size", 2)
    assert (model.held.size, model.held.seen, held.size) == (2, 4, 1)


def test_a_dataclass_of_a_subclass_stays_one_and_one_with_arguments_is_checked_by_them() -> None:
    sub = Sub(more=3)
    model = state(Slotted, sub)
    changed(model, "held.size", 2)
    assert model.held is sub
    assert (sub.size, sub.more) == (2, 3)
    pair = Pair(1, object())
    model = state(Pair[int], pair)
    changed(model, "held.one", 2)
    assert (model.held, pair.one) == (pair, 2)
    with pytest.raises(Rejected, match="valid integer"):
        changed(model, "held.one", "two")


def test_a_union_of_dataclasses_is_told_apart_by_its_tag() -> None:
    @dataclasses.dataclass
    class Cat:
        kind: Literal["cat"] = "cat"
        lives: int = 9
        name: str = dataclasses.field(default="", init=False)

    @dataclasses.dataclass
    class Dog:
        kind: Literal["dog"] = "dog"
        age: int = 1

    hint: Any = Annotated[Cat | Dog, Field(discriminator="kind")]
    cat = Cat()
    cat.name = "Tom"
    model = state(hint, cat)
    assert TypeAdapter(hint)
    changed(model, "held.lives", 8)
    assert (model.held, cat.lives, cat.name) == (cat, 8, "Tom")
    changed(model, "held", {"kind": "dog", "age": 3})
    assert model.held == Dog(age=3)
