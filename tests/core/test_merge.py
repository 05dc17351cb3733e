"""Patches, puts and resets of a state, as RFC 7396 and the types have it."""

import copy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, RootModel, model_validator

from freak_core import Store, Write
from freak_core.errors import NotFound, Rejected
from freak_core.state.transaction import (
    Change,
    Operation,
    commit,
    document,
    preview,
    propose,
    public,
)
from freak_core.text.paths import from_pointer, get
from freak_core.text.strict_json import JSON
from tests.core.schema_zoo import Adam, Layer, Sgd, Zoo, zoo

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=4)


class Plain(RootModel[dict[str, Any]]):
    pass


def change(
    model: BaseModel, kind: Any, pointer: str, body: JSON = None, initial: JSON = None
) -> dict[str, tuple[JSON, JSON]]:
    """Carry out one operation; return old and new by pointer."""
    start: Any = document(model) if initial is None else initial
    candidate = propose(model, [Operation(kind, from_pointer(pointer), body)], start)
    foreseen = preview(model, candidate)
    committed = commit(model, candidate)
    changes, shown = committed.changes, committed.seen
    assert shown == public(model)
    assert in_order(changes) == in_order(foreseen)
    assert public(model) == public(candidate.model)
    return {each.path: (each.old, each.new) for each in changes}


def in_order(changes: list[Change]) -> list[Change]:
    """Return changes for comparison: equal sets may list their items in different orders."""
    return [
        Change(each.path, sorted(each.old), sorted(each.new)) if each.path == "/tags" else each
        for each in changes
    ]


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, to the letter."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


@given(OBJECTS, OBJECTS)
def test_a_patch_of_plain_data_is_what_rfc_7396_says(start: dict[str, Any], patch: dict[str, Any]) -> None:
    model, expected = Plain(copy.deepcopy(start)), merge_patch(start, patch)
    sent = copy.deepcopy(patch)
    candidate = propose(model, [Operation("patch", (), patch)], {})
    assert model.root == start
    commit(model, candidate)
    assert model.root == expected
    assert patch == sent


@given(OBJECTS, OBJECTS, OBJECTS)
def test_a_reset_returns_to_the_start(
    start: dict[str, Any], first: dict[str, Any], put: dict[str, Any]
) -> None:
    model = Plain(copy.deepcopy(start))
    initial = document(model)
    change(model, "patch", "", first, initial)
    change(model, "put", "", put, initial)
    change(model, "reset", "", None, initial)
    assert model.root == start


@pytest.mark.parametrize(
    ("kind", "pointer", "body", "changes"),
    [
        ("patch", "", {"lr": 0.5}, {"/lr": (0.1, 0.5)}),
        ("patch", "/lr", 0.5, {"/lr": (0.1, 0.5)}),
        ("patch", "/lr", 0.1, {}),
        ("patch", "", {}, {}),
        ("put", "/layer", {"size": 4}, {"/layer/size": (8, 4), "/total": (18, 14)}),
        ("patch", "/maybe", 1.5, {"/maybe": (None, 1.5)}),
        ("patch", "", {"spare": {"size": 2}}, {"/spare": (None, {"size": 2, "name": "layer"})}),
        ("patch", "/weights", {"a": None, "b": 2.0}, {"/weights/a": (1.0, None), "/weights/b": (None, 2.0)}),
        ("put", "/weights/c", 3.0, {"/weights/c": (None, 3.0)}),
        ("patch", "/weights/nothing", None, {}),
        ("patch", "/gaps", {"x": None}, {"/gaps/x": (None, None)}),
        ("patch", "/slots", {"2": "two"}, {"/slots/2": (None, "two")}),
        ("patch", "/sizes/0", 9, {"/sizes": ([1, 2], [9, 2])}),
        ("patch", "/pair", [2, "b"], {"/pair": ([1, "a"], [2, "b"])}),
        ("patch", "/optimizer", {"lr": 0.3}, {"/optimizer/lr": (0.1, 0.3)}),
        ("patch", "/oldName", 8, {"/aliased": (3, 8)}),
        ("patch", "", {"oldName": 8}, {"/aliased": (3, 8)}),
        ("patch", "", {"picks": [6]}, {"/chosen": (4, 6)}),
        ("patch", "/loose", {"more": {"a": 1}}, {"/loose/more": (None, {"a": 1})}),
        ("put", "/loose/more", 1, {"/loose/more": (None, 1)}),
        ("patch", "/renaming", {"velocity": 3.0}, {"/renaming/speed": (1.0, 3.0)}),
        ("patch", "/colour", "blue", {"/colour": ("red", "blue")}),
        ("patch", "/price", "2.5", {"/price": ("1.50", "2.5")}),
        ("patch", "/span", {"end": 4}, {"/span/end": (1, 4)}),
        ("patch", "/options", {"width": 4}, {"/options/width": (None, 4)}),
        ("patch", "/title", "  new ", {"/title": ("run", "new")}),
        ("patch", "/stubborn/value", 2, {"/stubborn/value": (1, 2)}),
        ("patch", "/point", {"x": 3}, {"/point/x": (0, 3)}),
        ("put", "/point/x", 3, {"/point/x": (0, 3)}),
        (
            "patch",
            "/watched",
            {"low": 2.0, "high": 3.0},
            {"/watched/low": (0.0, 2.0), "/watched/high": (1.0, 3.0)},
        ),
    ],
)
def test_a_change_does_what_the_types_say(
    kind: str, pointer: str, body: JSON, changes: dict[str, Any]
) -> None:
    assert change(zoo(), kind, pointer, body) == changes


def test_what_a_validator_derives_is_committed() -> None:
    assert change(zoo(), "patch", "/steps", 20) == {
        "/steps": (10, 20),
        "/doubled_steps": (20, 40),
        "/total": (18, 28),
    }


def test_another_tag_replaces_the_old_variant() -> None:
    model = zoo()
    change(model, "patch", "/optimizer", {"kind": "sgd", "momentum": 0.9})
    assert model.optimizer == Sgd(momentum=0.9)
    change(model, "patch", "/optimizer", {"kind": "adam"})
    assert model.optimizer == Adam()


def test_a_union_of_models_takes_the_variant_that_fits() -> None:
    model = zoo()
    assert change(model, "patch", "/pet", {"bark": "hm"}) == {
        "/pet/claws": (4, None),
        "/pet/bark": (None, "hm"),
    }
    assert change(model, "patch", "/pet", {"bark": "ha"}) == {"/pet/bark": ("hm", "ha")}


def test_leftovers_of_the_old_variant_do_not_stand_in_the_way() -> None:
    class Old(BaseModel):
        model_config = ConfigDict(extra="forbid")
        size: int
        old: int = 1

    class New(BaseModel):
        model_config = ConfigDict(extra="forbid")
        size: str

    class State(BaseModel):
        part: Old | New

    model = State(part=Old(size=1))
    change(model, "patch", "/part", {"size": "big"})
    assert model.part == New(size="big")


def test_several_operations_are_validated_as_a_whole() -> None:
    model = zoo()
    steps = [
        Operation("patch", ("watched", "low"), 5.0),  # not valid before the next
        Operation("patch", ("watched", "high"), 6.0),
        Operation("patch", ("spare",), {"size": 2}),
        Operation("put", ("spare", "name"), "new"),
    ]
    commit(model, propose(model, steps, document(model)))
    assert (model.watched.low, model.watched.high) == (5.0, 6.0)
    assert model.spare is not None
    assert model.spare.name == "new"


def test_a_reset_of_a_path_leaves_the_rest() -> None:
    model = zoo()
    initial = document(model)
    change(
        model, "patch", "", {"lr": 0.5, "layer": {"size": 3}, "weights": {"b": 2.0}, "rounded": 1.0}, initial
    )
    assert change(model, "reset", "/layer/size", None, initial) == {"/layer/size": (3, 8), "/total": (13, 18)}
    assert change(model, "reset", "/weights/b", None, initial) == {"/weights/b": (2.0, None)}
    change(model, "reset", "/rounded", None, initial)
    assert model.rounded == 0.123456
    assert model.lr == 0.5
    change(model, "reset", "", None, initial)
    assert document(model) == initial


def test_a_reset_of_what_had_no_value_is_refused() -> None:
    model = zoo()
    initial = document(model)
    change(model, "patch", "/spare", {"size": 3}, initial)
    with pytest.raises(Rejected) as caught:
        change(model, "reset", "/spare/size", None, initial)
    assert caught.value.errors[0]["type"] == "no_initial_value"
    with pytest.raises(NotFound):
        change(model, "reset", "/nothing", None, initial)


def test_a_put_of_a_document_restores_everything() -> None:
    model = zoo()
    saved = document(model)
    change(model, "patch", "", {"lr": 0.5, "token": "other", "tags": ["y", "z"], "layers": []})
    change(model, "put", "", saved)
    assert document(model) == saved
    assert get(saved, ("token",)) == "hunter2"


def test_changes_are_values_that_compare() -> None:
    model = zoo()
    candidate = propose(model, [Operation("patch", ("lr",), 0.2)], {})
    assert commit(model, candidate).changes == [Change("/lr", 0.1, 0.2)]
    assert isinstance(candidate.model, Zoo)


def test_a_before_validator_leaves_json_strict_but_lets_dates_and_tuples_through() -> None:
    class Checked(Zoo):
        @model_validator(mode="before")
        @classmethod
        def look(cls, data: Any) -> Any:
            return data

    model = Checked()
    body: JSON = {"day": "2025-05-05", "pair": [4, "d"], "slots": {"3": "three"}, "tags": ["t"], "price": "2"}
    changes = change(model, "patch", "", body)
    assert changes["/day"] == ("2024-01-01", "2025-05-05")
    assert (model.pair, model.slots[3]) == ((4, "d"), "three")
    for wrong in ({"lr": "0.2"}, {"steps": True}, {"day": 5}, {"day": "soon"}):
        with pytest.raises(Rejected):
            change(model, "patch", "", dict(wrong))


def test_behind_a_before_validator_tuples_and_sets_are_as_strict_inside() -> None:
    class Checked(Zoo):
        numbers: frozenset[int] = frozenset([1])
        mixed: tuple[set[int | str], tuple[Layer, ...]] = ({1, "a"}, ())
        times: tuple[date, Decimal, float] = (date(2024, 1, 1), Decimal(1), 1.0)

        @model_validator(mode="before")
        @classmethod
        def look(cls, data: Any) -> Any:
            return data

    model = Checked()
    change(model, "patch", "", {"mixed": [["4", 5], [{"size": 3}]], "times": ["2025-05-05", 1.5, 2]})
    assert model.mixed == ({"4", 5}, (Layer(size=3),))
    assert model.times == (date(2025, 5, 5), Decimal("1.5"), 2.0)
    for body, path, kind in [
        ({"pair": ["4", "d"]}, "/pair/0", "int_type"),
        ({"pair": [True, "d"]}, "/pair/0", "int_type"),
        ({"pair": [2.0, "d"]}, "/pair/0", "int_type"),
        ({"numbers": [1, "2"]}, "/numbers/1", "int_type"),
        ({"mixed": [[], [{"size": "3"}]]}, "/mixed/1/0/size", "int_type"),
        ({"times": ["2025-05-05", 1.5, "2"]}, "/times/2", "float_type"),
    ]:
        with pytest.raises(Rejected) as caught:
            change(model, "patch", "", body)
        assert [(each["path"], each["type"]) for each in caught.value.errors] == [(path, kind)]


def test_a_key_with_the_value_null_comes_and_goes_for_readers_too() -> None:
    class Anything(BaseModel):
        known: dict[str, Any] = {}

    store = Store(Anything(), "now")
    put = store.submit(Write("put", body={"known": {"a": None}}))
    assert [change.path for change in put.changes] == ["/known/a"]
    assert store.public() == {"known": {"a": None}}
    gone = store.submit(Write("patch", body={"known": {"a": None}}))
    assert [change.path for change in gone.changes] == ["/known/a"]
    assert store.public() == {"known": {}}
