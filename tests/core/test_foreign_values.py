"""Import paths and numbers without end stay out."""

import math
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ImportString
from typing_extensions import TypedDict

from freak_core.errors import Rejected
from freak_core.state.transaction import Operation, commit, document, propose, public
from freak_core.text.paths import from_pointer

TRAP = "tests.core.import_trap"


class Named(BaseModel):
    name: str = "x"
    call: ImportString[Any] = Field(default=math.cos, alias="callIt")
    maybe: ImportString[Any] | None = None


class Plain(BaseModel):
    name: str = "x"
    call: int = 1


class Keys(TypedDict):
    call: ImportString[Any]


class State(BaseModel):
    lr: float = 0.1
    bare: ImportString = math.cos  # type: ignore[type-arg]
    typed: Annotated[ImportString[Any], Field(description="d")] = math.cos
    maybe: ImportString[Any] | None = None
    several: list[ImportString[Any]] = [math.cos]
    pair: tuple[int, ImportString[Any]] = (1, math.cos)
    by_name: dict[str, ImportString[Any]] = {"a": math.cos}
    keys: dict[ImportString[Any], int] = {}
    options: Annotated[Keys, {"not": "hashable"}] = {"call": math.cos}
    inner: Named = Named()
    inners: list[Named] = [Named()]
    either: Plain | Named = Plain()


def errors(model: BaseModel, kind: Any, pointer: str, body: Any) -> list[tuple[str, str]]:
    """Return path and type of each reason for which an operation is refused."""
    with pytest.raises(Rejected) as caught:
        propose(model, [Operation(kind, from_pointer(pointer), body)], document(model))
    return [(each["path"], each["type"]) for each in caught.value.errors]


@pytest.mark.parametrize("kind", ["patch", "put"])
@pytest.mark.parametrize(
    ("pointer", "body", "path"),
    [
        ("/bare", TRAP, "/bare"),
        ("/bare", "math.sin", "/bare"),
        ("/typed", TRAP, "/typed"),
        ("/maybe", TRAP, "/maybe"),
        ("/several", ["math.cos", TRAP], "/several/1"),
        ("/several/0", TRAP, "/several/0"),
        ("/pair", [2, TRAP], "/pair/1"),
        ("/by_name", {"b": TRAP}, "/by_name/b"),
        ("/keys", {TRAP: 1}, f"/keys/{TRAP}"),
        ("/options/call", TRAP, "/options/call"),
        ("/inner", {"call": TRAP}, "/inner/call"),
        ("/inner", {"callIt": TRAP}, "/inner/call"),
        ("/inner/callIt", TRAP, "/inner/call"),
        ("/inners", [{"call": TRAP}], "/inners/0/call"),
        ("/either", {"call": TRAP}, "/either/call"),
        ("/either", {"callIt": TRAP}, "/either/call"),
    ],
)
def test_an_import_path_is_refused_before_it_is_imported(
    kind: str, pointer: str, body: Any, path: str
) -> None:
    assert (path, "read_only") in errors(State(), kind, pointer, body)


def test_what_another_variant_would_import_is_only_refused_as_text() -> None:
    model = State()
    commit(model, propose(model, [Operation("patch", ("either",), {"call": 2})], {}))
    assert model.either == Plain(call=2)
    assert errors(model, "patch", "/inner", {"call": 2}) == [("/inner/call", "read_only")]


def test_a_new_item_may_import_nothing() -> None:
    model = State()
    commit(model, propose(model, [Operation("put", ("inners",), [{}, {"name": "y", "maybe": None}])], {}))
    assert model.inners == [Named(), Named(name="y")]


def test_a_refused_import_path_is_told_why() -> None:
    with pytest.raises(Rejected, match="a request cannot name something to import"):
        propose(State(), [Operation("patch", ("bare",), TRAP)], {})


def test_other_fields_of_a_state_with_imports_change_and_a_reset_restores_them() -> None:
    model = State()
    initial = document(model)
    commit(model, propose(model, [Operation("put", (), public(model) | {"lr": 0.5})], initial))
    assert (model.lr, model.bare, model.pair) == (0.5, math.cos, (1, math.cos))
    model.bare = math.sin
    commit(model, propose(model, [Operation("reset", ())], initial))
    assert (model.lr, model.bare) == (0.1, math.cos)


class Numbers(BaseModel):
    lr: float = 0.1
    limit: float = math.inf
    gaps: dict[str, float] = {"a": math.nan, "b": 1.0}
    items: list[float] = [1.0, -math.inf]
    count: int = 10**400


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, -(10**400)])
@pytest.mark.parametrize("kind", ["patch", "put"])
def test_a_number_without_end_is_refused(kind: str, number: float) -> None:
    assert errors(Numbers(), kind, "/lr", number) == [("/lr", "finite_number")]
    assert errors(Numbers(), "patch", "", {"gaps": {"b": number}}) == [("/gaps/b", "finite_number")]
    assert errors(Numbers(), kind, "/items", [number]) == [("/items/0", "finite_number")]


def test_what_is_infinite_already_stays_and_can_be_restored() -> None:
    model = Numbers()
    initial = document(model)
    commit(model, propose(model, [Operation("patch", (), {"lr": 0.5, "items": [2.0, -math.inf]})], initial))
    assert model.items == [2.0, -math.inf]
    commit(model, propose(model, [Operation("put", (), document(model))], initial))
    commit(model, propose(model, [Operation("patch", ("limit",), 3.0)], initial))
    assert (model.lr, model.limit, model.count) == (0.5, 3.0, 10**400)
    assert math.isnan(model.gaps["a"])
    commit(model, propose(model, [Operation("reset", ("limit",))], initial))
    assert model.limit == math.inf


@pytest.mark.parametrize(
    "body", [{1, 2}, object(), {"lr": b"x"}, {("a",): 1}, pytest.param(10**5000, id="long")]
)
def test_what_is_not_json_is_refused(body: Any) -> None:
    assert errors(Numbers(), "patch", "", body) == [("", "json_type")]


def test_a_tuple_from_python_is_a_list_and_the_state_shares_no_object_with_the_body() -> None:
    model = Numbers()
    items = [5.0]
    commit(model, propose(model, [Operation("patch", (), {"items": (5.0, 6.0)})], {}))
    assert model.items == [5.0, 6.0]
    commit(model, propose(model, [Operation("put", ("items",), items)], {}))  # type: ignore[arg-type]
    items.append(7.0)
    assert model.items == [5.0]
