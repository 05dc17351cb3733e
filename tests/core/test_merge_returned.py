"""What GET returned can be sent back, and asks for nothing."""

import copy
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, computed_field, field_serializer

from freak_core.errors import Rejected
from freak_core.state.transaction import Operation, commit, document, propose, public
from freak_core.text.paths import from_pointer, get
from freak_core.text.strict_json import JSON
from tests.core.schema_zoo import zoo

MASK = "**********"


class Account(BaseModel):
    user: str
    token: SecretStr


class Unusual(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    accounts: list[Account] = [Account(user="ann", token=SecretStr("a")), Account(user="bob", token="b")]  # type: ignore[arg-type]
    by_name: dict[str, SecretStr] = {"main": SecretStr("c")}
    maybe: SecretStr | None = None
    limit: float | None = float("inf")
    worst: float = float("nan")
    lock: object = Field(default_factory=object)
    hidden: int = Field(exclude=True)
    lossy: tuple[float, ...] = (0.123, 0.456)

    @field_serializer("lossy")
    def shorten(self, value: tuple[float, ...]) -> list[str]:
        return [f"{each:.1f}" for each in value]

    @computed_field
    @property
    def users(self) -> list[str]:
        return [each.user for each in self.accounts]


def unusual() -> Unusual:
    """Return a state in which little looks as it is."""
    return Unusual(hidden=3)


def ask(model: BaseModel, kind: Any, pointer: str, body: JSON) -> None:
    """Carry out one operation."""
    commit(model, propose(model, [Operation(kind, from_pointer(pointer), body)], document(model)))


@pytest.mark.parametrize("kind", ["patch", "put"])
@pytest.mark.parametrize("build", [zoo, unusual])
def test_all_that_readers_see_sent_back_changes_nothing(kind: str, build: Any) -> None:
    model = build()
    held, before = copy.copy(model.__dict__), repr(document(model))
    ask(model, kind, "", public(model))
    assert repr(document(model)) == before
    assert all(model.__dict__[name] is value for name, value in held.items() if name != "total")


@pytest.mark.parametrize("kind", ["patch", "put"])
@pytest.mark.parametrize("build", [zoo, unusual])
def test_each_value_that_readers_see_sent_back_changes_nothing(kind: str, build: Any) -> None:
    model = build()
    before = repr(document(model))
    for name, value in public(model).items():
        ask(model, kind, f"/{name}", value)
        assert repr(document(model)) == before


def test_a_put_of_all_with_one_edit_makes_that_edit_alone() -> None:
    model = unusual()
    expected, body = document(model), public(model)
    body["by_name"] = {"main": MASK, "other": "new"}
    expected["by_name"] = {"main": "c", "other": "new"}
    ask(model, "put", "", body)
    assert repr(document(model)) == repr(expected)
    assert model.by_name["other"].get_secret_value() == "new"


@pytest.mark.parametrize(
    ("kind", "pointer", "body", "path"),
    [
        ("patch", "", {"users": ["eve"]}, "/users"),
        ("put", "/users", ["eve"], "/users"),
        ("put", "/users/0", "eve", "/users/0"),
        ("patch", "/users", None, "/users"),
        ("reset", "/users", None, "/users"),
    ],
)
def test_another_computed_value_is_refused(kind: str, pointer: str, body: JSON, path: str) -> None:
    model = unusual()
    with pytest.raises(Rejected) as caught:
        ask(model, kind, pointer, body)
    assert [(each["path"], each["type"]) for each in caught.value.errors] == [(path, "read_only")]


def test_a_part_of_a_computed_value_can_be_sent_back() -> None:
    model = unusual()
    ask(model, "put", "/users/1", "bob")
    ask(model, "put", "/users", ["ann", "bob"])
    assert public(model) == public(unusual()) | {"lock": "<object>"}


def test_the_mask_keeps_a_secret_at_any_depth() -> None:
    model = unusual()
    ask(model, "put", "/accounts/1", {"user": "eve", "token": MASK})
    assert model.accounts[1].token.get_secret_value() == "b"
    ask(model, "put", "/accounts/1/token", MASK)
    ask(model, "patch", "/by_name", {"main": MASK, "new": "d"})
    assert get(document(model), ("by_name",)) == {"main": "c", "new": "d"}
    assert get(document(model), ("accounts", "1", "token")) == "b"


def test_the_mask_keeps_a_secret_that_an_earlier_operation_set() -> None:
    model = unusual()
    steps = [
        Operation("put", ("accounts", "0", "token"), "newer"),
        Operation("put", ("accounts", "0"), {"user": "eve", "token": MASK}),
    ]
    commit(model, propose(model, steps, document(model)))
    assert model.accounts[0] == Account(user="eve", token=SecretStr("newer"))


@pytest.mark.parametrize(
    ("pointer", "body", "path"),
    [
        ("", {"maybe": MASK}, "/maybe"),
        ("/by_name/other", MASK, "/by_name/other"),
        ("/accounts", [{"user": str(i), "token": MASK} for i in range(3)], "/accounts/2/token"),
    ],
)
def test_a_mask_without_a_secret_to_keep_is_refused(pointer: str, body: JSON, path: str) -> None:
    with pytest.raises(Rejected) as caught:
        ask(unusual(), "patch", pointer, body)
    assert [(each["path"], each["type"]) for each in caught.value.errors] == [(path, "masked")]


def test_a_mask_does_not_carry_a_secret_into_a_text_of_another_variant() -> None:
    class Locked(BaseModel):
        value: SecretStr
        lock: int = 1

    class Open(BaseModel):
        value: str
        door: int = 1

    class State(BaseModel):
        part: Locked | Open

    for kind in ("patch", "put"):
        model = State(part=Locked(value=SecretStr("hunter2")))
        with pytest.raises(Rejected, match="this is the mask of a secret"):
            ask(model, kind, "/part", {"value": MASK, "door": 2})
        assert isinstance(model.part, Locked)


def test_a_value_sent_back_undoes_an_earlier_operation() -> None:
    model = zoo()
    steps = [Operation("patch", ("lr",), 0.5), Operation("patch", ("lr",), 0.1)]
    commit(model, propose(model, steps, document(model)))
    assert model.lr == 0.1


def test_null_still_removes_keys_and_clears_what_has_a_value() -> None:
    class State(BaseModel):
        data: dict[str, Any] = {"a": None, "b": 1}
        limit: float | None = 2.0

    model = State()
    ask(model, "patch", "", {"data": {"a": None}, "limit": None})
    assert model == State(data={"b": 1}, limit=None)


def test_a_computed_field_tells_its_variant() -> None:
    class Square(BaseModel):
        side: int = 2

        @computed_field
        @property
        def area(self) -> int:
            return self.side**2

    class Anything(BaseModel):
        model_config = ConfigDict(extra="allow")
        side: int = 3

    class State(BaseModel):
        shape: Square | Anything = Square()

    model = State()
    ask(model, "put", "/shape", {"side": 2, "area": 4})
    assert model.shape == Square()
    with pytest.raises(Rejected):
        ask(model, "put", "/shape", {"side": 3, "area": 9})


def test_an_object_without_json_stays_at_its_place_and_no_text_makes_another() -> None:
    class Handle:
        pass

    class State(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        handles: list[Handle] = [Handle(), Handle()]

    model = State()
    held = list(model.handles)
    ask(model, "put", "/handles", public(model)["handles"])
    assert model.handles == held
    for texts in (["<Handle>"], ["<Handle>", "<Handle>", "<Handle>"]):  # which of them is left out, or new?
        with pytest.raises(Rejected) as caught:
            ask(model, "put", "/handles", texts)
        assert caught.value.errors[0]["type"] == "read_only"
    ask(model, "json_patch", "/handles", [{"op": "remove", "path": "/0"}])
    assert model.handles == held[1:]
