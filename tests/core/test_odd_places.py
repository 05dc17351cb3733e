"""Places of which a type says little: a write there is done as its receipt says, or refused."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, RootModel, SecretStr
from typing_extensions import TypedDict

from freak_core import NotFound, Receipt, Refused, Rejected, Store, Write
from freak_core.state.live_values import MARK


class Thing:
    """An object of the program."""


class Model(BaseModel):
    size: int = 1
    key: SecretStr = SecretStr("hush")


class Forbidding(Model):
    model_config = ConfigDict(extra="forbid")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Hiding(BaseModel):
    word: str = Field("hush", exclude=True)


class Keyed(BaseModel):
    kind: Literal["keyed"] = "keyed"
    key: SecretStr = SecretStr("hush")


class Plain(BaseModel):
    kind: Literal["plain"] = "plain"
    key: str = ""


class Numbered(BaseModel):
    name: int = 1
    held: Any = None


class Named(BaseModel):
    name: str = ""
    held: Any = None


class Hidden(BaseModel):
    name: int = 1
    word: str = Field("hush", exclude=True)


class Shown(BaseModel):
    name: str = ""
    word: str = ""


class Colour(Enum):
    RED = "red"


class OpenDict(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    size: int


@dataclass(slots=True)
class Slots:
    held: Any = None
    models: list[Model] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    held: Any = None


class Root(RootModel[Any]):
    pass


class State(BaseModel):
    anything: Any = None
    typed: OpenDict = {"size": 1}
    held: set[Any] = set()
    plain: str = ""
    hiding: Hiding = Hiding()
    chosen: Annotated[Keyed | Plain, Field(discriminator="kind")] = Keyed()
    either: Model | dict[str, Any] = Model()
    strict: Forbidding | dict[str, Any] = Forbidding()
    untagged: Numbered | Named = Numbered()
    covered: Hidden | Shown = Hidden()
    either_or: Plain | Any = None
    slots: Slots = Slots()
    frozen: Frozen = Frozen()
    waiting: deque[SecretStr] = deque()
    root: Root = Root(None)
    validated: Annotated[Any, PlainValidator(lambda value: value)] = None
    numbered: dict[int, Model] = {}
    opened: list[Open] = []
    keys: dict[Any, Any] = {}


def ask(state: State, kind: Any, path: str, body: Any = None) -> Receipt:
    """Submit a write, which is applied at once."""
    return Store(state).submit(Write(kind, tuple(path.split(".")) if path else (), body))


def add(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, str, Any], str]] = {
    "an object beside in a set": ({"held": {1, Thing()}}, ("json_patch", "", add("/held/-", 9)), "read_only"),
    "a secret beside in a set": (
        {"held": {1, SecretStr("hush")}},
        ("json_patch", "", add("/held/-", 9)),
        "masked",
    ),
    "an object that moves into a new model": (
        {"anything": {"it": Thing()}},
        (
            "json_patch",
            "",
            [*add("/opened/-", {}), {"op": "move", "from": "/anything/it", "path": "/opened/0/it"}],
        ),
        "read_only",
    ),
    "a value that the model refuses beside a dict": ({}, ("put", "either.size", "large"), "read_only"),
    "a misspelt name beside a dict": ({}, ("patch", "either", {"sise": 3}), "unknown_field"),
    "a misspelt name that a model forbids": ({}, ("patch", "strict", {"sise": 3}), "unknown_field"),
    "a mask for another type": ({}, ("put", "either", {"size": 2, "key": "**********", "more": 3}), "masked"),
    "a copy of a hidden field": (
        {},
        ("json_patch", "", [{"op": "copy", "from": "/hiding/word", "path": "/plain"}]),
        "masked",
    ),
    "another member of a union": ({}, ("put", "chosen.kind", "plain"), "masked"),
    "a hidden field in another member": ({}, ("put", "covered.name", "x"), "masked"),
    "an object in another member": (
        {"untagged": Numbered(held=Thing())},
        ("put", "untagged.name", "x"),
        "int_type",
    ),
    "a name in slots": ({"slots": Slots(Model())}, ("patch", "slots.held", {"sise": 3}), "unknown_field"),
    "a name in a deque": (
        {"anything": deque([Model()])},
        ("patch", "anything.0", {"sise": 3}),
        "unknown_field",
    ),
    "a name in a root model": ({"root": Root(Model())}, ("patch", "root", {"sise": 3}), "unknown_field"),
    "a validator that hands nothing back": (
        {"validated": {"number": 1, "model": Model()}},
        ("put", "validated.number", 2),
        "masked",
    ),
    "a merge into an object": (
        {"anything": {"it": Thing()}},
        ("json_patch", "", [{"op": "merge", "path": "/anything/it/size", "value": 1}]),
        "no_such_path",
    ),
    "a key spelt otherwise": (
        {"numbered": {1: Model(size=5)}},
        ("patch", "numbered", {"01": {}}),
        "same_key",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_and_nothing_changes(case: str) -> None:
    given, write, why = REFUSED[case]
    state = State(**given)
    before = repr(state)
    with pytest.raises(Refused) as refused:
        ask(state, *write)
    assert isinstance(refused.value, NotFound | Rejected)
    assert refused.value.errors[0]["type"] == why
    assert "hush" not in str(refused.value)
    assert repr(state) == before


def test_a_reset_shows_no_secret_that_was_there_at_the_start() -> None:
    state = State(anything=Model())
    store = Store(state)
    store.submit(Write("put", ("anything",), None))
    with pytest.raises(Rejected) as refused:
        store.submit(Write("reset", ("anything",)))
    assert refused.value.errors[0]["type"] == "masked"
    assert state.anything is None


def test_a_reset_beside_an_object_knows_the_value_at_the_start() -> None:
    state = State(anything={"rate": 0.1, "call": print, "inner": {"rate": 1.0, "call": print}})
    store = Store(state)
    for path in (("anything", "rate"), ("anything", "inner", "rate")):
        store.submit(Write("put", path, 5.0))
    store.submit(Write("reset", ("anything", "rate")))
    assert state.anything == {"rate": 0.1, "call": print, "inner": {"rate": 5.0, "call": print}}
    store.submit(Write("reset", ()))
    assert state.anything["inner"] == {"rate": 1.0, "call": print}


def test_what_a_typed_dict_has_besides_its_keys_stays() -> None:
    thing, model = Thing(), Model()
    held: Any = {"size": 1, "list": [1], "thing": thing, "model": model}
    state = State(typed=held)
    ask(state, "put", "typed.size", 2)
    assert dict(state.typed) == {**held, "size": 2}
    assert {**state.typed}.get("thing") is thing


@pytest.mark.parametrize(
    ("held", "path", "value"),
    [
        (defaultdict(list, a=1), "a", defaultdict(list, a=2)),
        (Counter(a=1), "a", Counter(a=2)),
        (deque([1], 3), "0", deque([2], 3)),
        ((1, 5), "0", (2, 5)),
    ],
)
def test_what_is_inside_a_frozen_dataclass_keeps_its_class(held: Any, path: str, value: Any) -> None:
    state = State(frozen=Frozen(held))
    ask(state, "put", f"frozen.held.{path}", 2)
    assert (state.frozen.held, type(state.frozen.held)) == (value, type(value))
    assert getattr(value, "maxlen", None) == getattr(state.frozen.held, "maxlen", None)


def test_items_that_stay_in_slots_and_deques_are_the_same_objects() -> None:
    models = [Model(), Model(size=2)]
    state = State(slots=Slots(models=list(models)), anything=deque(models))
    patch = [{"op": "remove", "path": f"/{place}/0"} for place in ("slots/models", "anything")]
    ask(state, "json_patch", "", patch)
    assert [each is models[1] for each in (*state.slots.models, *state.anything)] == [True, True]


def test_a_secret_in_a_deque_that_changes_is_a_change_and_one_beside_is_none() -> None:
    told = ask(State(waiting=deque([SecretStr("a")])), "put", "waiting.0", "b")
    assert [change.path for change in told.changes] == ["/waiting"]
    told = ask(State(keys={Colour.RED: Model(), "n": 1}), "put", "keys.n", 2)
    assert [change.path for change in told.changes] == ["/keys/n"]


def test_an_object_of_a_subclass_beside_any_keeps_what_readers_cannot_send() -> None:
    class More(Plain):
        held: Any = None

    thing = Thing()
    state = State(either_or=More(held=thing))
    ask(state, "put", "either_or", {"key": "b"})
    assert (state.either_or.key, state.either_or.held) == ("b", thing)


@pytest.mark.parametrize("number", range(6))
def test_no_text_of_a_request_stands_for_a_live_object(number: int) -> None:
    """Not even one that begins as those do that Freak puts in the place of objects."""
    state = State(anything={"free": None, "model": Model()})
    store = Store(state)
    text = MARK.replace("mark", str(number))
    store.submit(Write("put", ("anything", "free"), text))
    assert state.anything["free"] == text
    with pytest.raises(Rejected):
        store.submit(Write("put", ("anything", "free"), {MARK: text, "size": 2}))
    assert state.anything["model"].key.get_secret_value() == "hush"
