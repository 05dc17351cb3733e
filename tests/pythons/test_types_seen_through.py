"""What a type alias stands for is known wherever types are read: secrets, imports, keys and field names."""

import dataclasses
import math
from collections import deque
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest
import typing_extensions
from pydantic import BaseModel, Field, ImportString, SecretStr

from freak_core import Refused, Rejected, Store, Write
from freak_core.program.actions import Action

SECRET = "open-sesame"
TRAP = "tests.core.import_trap"

type Key = SecretStr
type MaybeKey = Key | None
type Either[T] = T | None
type Bare[T] = T
type Labelled[T] = Annotated[T, Field(description="d")]
type Nested[T] = Either[Labelled[T]]
type Tree[T] = dict[str, Tree[T] | T]
type Named[K, V] = dict[K, V]
type Swapped[V, K] = Named[K, V]
type Import = ImportString[Any]
type Row = tuple[int, Key]
Backport = typing_extensions.TypeAliasType("Backport", SecretStr)  # noqa: UP040  its class is another one
Quoted = typing_extensions.TypeAliasType("Quoted", "Key | None")  # type: ignore[valid-type]  # noqa: UP040


class Options[T](TypedDict):
    key: T


@dataclasses.dataclass
class Account[T]:
    key: T


class Pair(NamedTuple):
    rate: float
    key: Key


class Importing(NamedTuple):
    rate: float
    call: Import


SECRETS: list[tuple[Any, Any]] = [
    (Key, SECRET),
    (MaybeKey, SECRET),
    (Backport, SECRET),
    (Either[SecretStr], SECRET),
    (Bare[SecretStr], SECRET),
    (Labelled[Key], SECRET),
    (Nested[Key], SECRET),
    (Either[Bare[Key]], SECRET),
    (Swapped[Key, str], {"a": SECRET}),
    (Tree[SecretStr], {"a": {"b": SECRET}}),
    (list[Key], [SECRET]),
    (Row, [1, SECRET]),
    (Either[Row], [1, SECRET]),
    (deque[Key], [SECRET]),
    (Options[Key], {"key": SECRET}),
    (Account[Key], {"key": SECRET}),
    (Quoted, SECRET),
    (Pair, [0.5, SECRET]),
    (Either[Pair], {"rate": 0.5, "key": SECRET}),
]


def state_of(hint: Any, default: Any = None) -> BaseModel:
    """Return a state whose field ``value`` has the given type."""
    namespace = {"__annotations__": {"lr": float, "value": hint}, "lr": 0.1, "value": default}
    kind: Any = type("State", (BaseModel,), namespace | {"__module__": __name__})
    made: BaseModel = kind()
    return made


@pytest.mark.parametrize(("hint", "body"), SECRETS, ids=[str(hint) for hint, _ in SECRETS])
def test_a_secret_behind_an_alias_is_never_told(hint: Any, body: Any) -> None:
    store = Store(state_of(hint))
    receipt = store.submit(Write("patch", body={"value": body}))
    assert receipt.status == "applied"
    told = [receipt.model_dump_json(), str(store.public())]
    with pytest.raises(Refused) as refused:
        store.submit(Write("patch", body={"value": body, "lr": "x"}))
    told += [str(refused.value.problem()), str(refused.value.receipt)]
    assert SECRET not in "".join(told)
    assert SECRET in str(store.initial) + repr(list(_revealed(store.model.__dict__["value"])))


def _revealed(value: Any) -> Iterable[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, dict):
        for each in value.values():
            yield from _revealed(each)
    elif isinstance(value, list | tuple | deque):
        for each in value:
            yield from _revealed(each)
    elif dataclasses.is_dataclass(value):
        yield from _revealed(value.__dict__)


@pytest.mark.parametrize(("hint", "body"), SECRETS, ids=[str(hint) for hint, _ in SECRETS])
def test_the_state_as_read_can_be_sent_back_and_the_secret_stays(hint: Any, body: Any) -> None:
    store = Store(state_of(hint))
    store.submit(Write("patch", body={"value": body}))
    held = store.model.__dict__["value"]
    assert store.submit(Write("put", body=store.public())).changes == []
    assert store.model.__dict__["value"] is held


IMPORTS: list[tuple[Any, Any, Any]] = [
    (Import, math.cos, TRAP),
    (Either[Import], None, TRAP),
    (Labelled[Import], math.cos, TRAP),
    (Bare[Import], math.cos, TRAP),
    (Tree[Import], {}, {"a": {"b": TRAP}}),
    (Named[Import, int], {}, {TRAP: 1}),
    (Swapped[int, Import], {}, {TRAP: 1}),
    (list[Bare[Import]], [], [TRAP]),
    (deque[Import], deque(), [TRAP]),
    (Iterable[Import], [], [TRAP]),
    (Options[Import], {"key": math.cos}, {"key": TRAP}),
    (Account[Import], Account(math.cos), {"key": TRAP}),
    (Importing, Importing(0.5, math.cos), [0.5, TRAP]),
    (Importing, Importing(0.5, math.cos), {"rate": 0.5, "call": TRAP}),
]


@pytest.mark.parametrize(("hint", "start", "body"), IMPORTS, ids=[str(hint) for hint, *_ in IMPORTS])
@pytest.mark.parametrize("kind", ["put", "patch"])
def test_an_import_behind_an_alias_is_refused_and_never_made(
    hint: Any, start: Any, body: Any, kind: Any
) -> None:
    store = Store(state_of(hint, start))
    with pytest.raises(Rejected) as refused:
        store.submit(Write(kind, ("value",), body))
    assert {each["type"] for each in refused.value.errors} == {"read_only"}


type Rates[T] = Annotated[dict[str, T], Field(min_length=1)]
type Kind[T] = Annotated[Adam[T] | Sgd, Field(discriminator="kind")]


class Adam[T](BaseModel):
    kind: Literal["adam"] = "adam"
    beta: T | None = None


class Sgd(BaseModel):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.9


class Typed(BaseModel):
    rates: Rates[float] = {"a": 0.1, "b": 0.2}
    optimizer: Kind[float] = Adam[float]()
    account: Account[float] = Account(1.0)


def test_keys_and_unknown_fields_behind_an_alias_are_judged_rightly() -> None:
    state = Typed()
    store = Store(state)
    store.submit(Write("patch", body={"rates": {"a": None, "new": 0.5}}))
    assert state.rates == {"b": 0.2, "new": 0.5}
    store.submit(Write("patch", body={"optimizer": {"kind": "sgd", "momentum": 0.1}}))
    assert state.optimizer == Sgd(momentum=0.1)
    for body in ({"optimizer": {"momentun": 0.1}}, {"account": {"kee": 1.0}}):
        with pytest.raises(Rejected, match="did you mean") as refused:
            store.submit(Write("patch", body=body))
        assert refused.value.errors[0]["type"] == "unknown_field"


def test_arguments_of_actions_behind_an_alias_are_masked() -> None:
    def login(key: Nested[Key], rows: list[Row]) -> None:
        assert key is not None
        assert rows[0][1].get_secret_value() == SECRET

    body: Any = {"key": SECRET, "rows": [[1, SECRET]]}
    login_action = Action(login)
    assert login_action.call(body) is None
    assert SECRET not in str(login_action.shown(body))
