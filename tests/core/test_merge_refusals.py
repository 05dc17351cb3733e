"""What a state refuses, and what it says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from freak_core.errors import MOST_ERRORS, NotFound, Refused, Rejected, refusal
from freak_core.program.actions import Action
from freak_core.state.transaction import Operation, commit, document, propose, public
from freak_core.text.paths import from_pointer
from freak_core.text.strict_json import JSON
from tests.core.schema_zoo import Zoo, zoo
from tests.soak import SOAK

NAMES = (
    st.sampled_from([*Zoo.model_fields, "total", "oldName", "size", "kind", "0", "-", "a", "x", ""])
    | st.text()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["sgd", "adam", "red", "2024-01-01", "1.5", "fast", 13])
)
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
OPERATIONS = st.builds(
    Operation, st.sampled_from(["patch", "put", "reset"]), st.lists(NAMES, max_size=3).map(tuple), BODIES
)


def refused(model: BaseModel, kind: Any, pointer: str, body: JSON = None) -> Rejected:
    """Return the refusal of an operation, having checked that it changed nothing."""
    before = document(model)
    with pytest.raises(Rejected) as caught:
        propose(model, [Operation(kind, from_pointer(pointer), body)], before)
    assert document(model) == before
    return caught.value


@pytest.mark.parametrize(
    ("pointer", "body", "path", "kind"),
    [
        ("", {"lr": "0.1"}, "/lr", "float_type"),
        ("/lr", True, "/lr", "float_type"),
        ("/lr", 2.0, "/lr", "less_than_equal"),
        ("/lr", None, "/lr", "float_type"),
        ("/steps", 1.5, "/steps", "int_type"),
        ("/layer", {"size": 0}, "/layer/size", "greater_than_equal"),
        ("", {"lrr": 1}, "/lrr", "unknown_field"),
        ("/layer", {"siez": 1}, "/layer/siez", "unknown_field"),
        ("/spare", {"siez": 1}, "/spare/siez", "unknown_field"),
        ("/layers", [{"siez": 1}], "/layers/0/siez", "unknown_field"),
        ("/by_name", {"new": {"siez": 1}}, "/by_name/new/siez", "unknown_field"),
        ("/span", {"ende": 1}, "/span/ende", "unknown_field"),
        ("/options", {"deep": 1}, "/options/deep", "unknown_field"),
        ("/box", {"contents": 1}, "/box/contents", "unknown_field"),
        ("", {"total": 1}, "/total", "read_only"),
        ("/total", 1, "/total", "read_only"),
        ("/fixed", 6, "/fixed", "frozen"),
        ("/oldName", "x", "/aliased", "int_type"),
        ("/optimizer", {"kind": "adm"}, "/optimizer", "union_tag_invalid"),
        ("/optimizer", {"lr": "x"}, "/optimizer/lr", "float_type"),
        ("/number_or_text", 1.5, "/number_or_text", "int_type"),
        ("/slots", {"x": "y"}, "/slots/x", "int_parsing"),
        ("/layers/1/size", "x", "/layers/1/size", "int_type"),
        ("/sizes/0", "x", "/sizes/0", "int_type"),
        ("/options/depth", None, "/options/depth", "int_type"),
        ("/watched", {"low": 9.0}, "/watched", "value_error"),
        ("/steps", 13, "", "validator_error"),
        ("", None, "", "model_type"),
        ("", [1], "", "model_type"),
    ],
)
def test_a_refusal_names_the_path_and_the_reason(pointer: str, body: JSON, path: str, kind: str) -> None:
    errors = refused(zoo(), "patch", pointer, body).errors
    assert (path, kind) in [(each["path"], each["type"]) for each in errors]


def test_an_unknown_field_is_told_what_was_meant() -> None:
    assert "did you mean 'lr'" in refused(zoo(), "patch", "", {"lrr": 1}).errors[0]["message"]


def test_null_is_said_not_to_be_allowed() -> None:
    assert "null is not allowed" in refused(zoo(), "patch", "", {"lr": None}).errors[0]["message"]


@pytest.mark.parametrize(
    "pointer", ["/lrr", "/lr/x", "/layers/2", "/layers/-", "/spare/size", "/weights/b/c", "/layer/x"]
)
def test_an_unknown_path_is_not_found(pointer: str) -> None:
    model = zoo()
    for kind in ("patch", "put", "reset"):
        with pytest.raises(NotFound):
            propose(model, [Operation(kind, from_pointer(pointer), 1)], document(model))


@pytest.mark.parametrize(
    "body", [{f"lr{number}": 1 for number in range(3000)}, {"sizes": [str(number) for number in range(3000)]}]
)
def test_the_first_reasons_are_told_and_how_many_more_there_are(body: JSON) -> None:
    """A refusal stays in memory as a receipt: it must not be many times what was sent."""
    rejection = refused(zoo(), "patch", "", body)
    told = rejection.errors
    assert len(told) == MOST_ERRORS + 1
    assert told[-1] == {"path": "", "type": "more", "message": f"and {3000 - MOST_ERRORS} more"}
    assert refusal(rejection.problem()).errors == told
    with pytest.raises(Rejected) as rejected:
        Action(lambda: None, "nothing").validate({f"lr{number}": 1 for number in range(3000)})
    assert len(rejected.value.errors) == MOST_ERRORS + 1


def test_a_program_bug_in_a_validator_names_its_class_and_no_more() -> None:
    refusal = refused(zoo(), "patch", "", {"steps": 13})
    assert "ZeroDivisionError" in refusal.errors[0]["message"]
    assert "hunter2" not in str(refusal)


def test_a_refused_secret_is_not_echoed() -> None:
    class State(BaseModel):
        token: SecretStr = Field(SecretStr("long enough"), min_length=8)

        @field_validator("token", mode="before")
        @classmethod
        def check(cls, value: Any) -> Any:
            if value == "swordfish":
                raise ValueError(f"{value} is a known password")
            return value

    for secret in ("short", "swordfish", "fish\ud800"):
        assert secret not in str(refused(State(), "patch", "/token", secret))


def test_a_frozen_state_refuses_all() -> None:
    class State(BaseModel):
        model_config = ConfigDict(frozen=True)
        lr: float = 1.0

    assert refused(State(), "patch", "", {"lr": 2.0}).errors[0]["type"] == "frozen"


def test_a_frozen_field_is_refused_inside_an_item_but_a_list_can_be_replaced() -> None:
    class Item(BaseModel):
        id: int = Field(frozen=True)

    class State(BaseModel):
        items: list[Item] = [Item(id=1), Item(id=2)]

    model = State()
    assert refused(model, "patch", "/items/0", {"id": 3}).errors[0]["path"] == "/items/0/id"
    commit(model, propose(model, [Operation("put", ("items",), [{"id": 2}])], {}))
    assert [each.id for each in model.items] == [2]


def test_a_value_that_is_itself_invalid_stays_as_it_is_until_a_request_repairs_it() -> None:
    model = zoo()
    model.lr = -1.0
    commit(model, propose(model, [Operation("patch", (), {"flag": True})], {}))
    assert (model.lr, model.flag) == (-1.0, True)
    assert refused(model, "patch", "", {"lr": -2.0}).errors[0]["path"] == "/lr"
    layer = model.layer
    commit(model, propose(model, [Operation("patch", (), {"lr": 0.2, "layer": {"size": 2}})], {}))
    assert (model.lr, model.layer.size) == (0.2, 2)
    assert model.layer is layer


def test_a_state_that_its_own_validator_refuses_can_be_repaired() -> None:
    class Range(BaseModel):
        low: int = 0
        high: int = 1
        name: str = "r"

        @model_validator(mode="after")
        def ordered(self) -> "Range":
            if self.low > self.high:
                raise ValueError("low is over high")
            return self

    model = Range()
    model.low = 5
    refusal = refused(model, "patch", "", {"name": "x"})
    assert "low is over high" in refusal.errors[0]["message"]
    commit(model, propose(model, [Operation("patch", (), {"high": 9})], {}))
    assert (model.low, model.high) == (5, 9)


@settings(max_examples=400 if SOAK else 150, deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=3))
def test_any_json_is_committed_whole_or_refused_and_changes_nothing(operations: list[Operation]) -> None:
    model = zoo()
    before, seen = document(model), public(model)
    try:
        candidate = propose(model, operations, before)
    except Refused:
        assert document(model) == before
        assert public(model) == seen
        return
    assert document(model) == before
    commit(model, candidate)
    assert public(model) == public(candidate.model)
    commit(model, propose(model, [Operation("reset", ())], before))
    assert document(model) == before
