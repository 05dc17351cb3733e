"""A serializer shows readers only a part of a value: what they do not see is not lost by a change inside."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, PlainSerializer, WrapSerializer

from freak_core.errors import Rejected
from freak_core.state.transaction import Operation, commit, document, propose, public

Newest = Annotated[list[int], PlainSerializer(lambda items: items[-2:])]
Public = Annotated[dict[str, int], WrapSerializer(lambda value, handler: {"a": handler(value)["a"]})]


class State(BaseModel):
    newest: Newest = [1, 2, 3, 4]
    public: Public = {"a": 1, "_b": 2}
    nested: dict[str, Newest] = {"k": [1, 2, 3]}
    anything: Any = None
    other: int = 0


def put(model: BaseModel, path: str, value: Any, kind: Any = "put") -> None:
    commit(model, propose(model, [Operation(kind, tuple(path.split(".")), value)], document(model)))


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ("newest.0", 9, "put"),
        ("public.a", 9, "put"),
        ("public", {"a": 9}, "patch"),
        ("public", {"c": 9}, "patch"),
        ("nested.k.1", 9, "put"),
        ("anything.1", 9, "put"),
        ("newest", [{"op": "add", "path": "/-", "value": 9}], "json_patch"),
    ],
)
def test_a_change_inside_is_refused_and_nothing_is_lost(path: str, value: Any, kind: str) -> None:
    model = State(anything={1: 2, "1": 3})  # two keys with the same text
    with pytest.raises(Rejected, match="only a part"):
        put(model, path, value, kind)
    assert model == State(anything={1: 2, "1": 3})


def test_it_can_be_replaced_and_other_values_change() -> None:
    model = State()
    put(model, "other", 1)
    put(model, "newest", [9])
    put(model, "nested", {"new": [5]}, "patch")
    commit(model, propose(model, [Operation("patch", (), public(model))], document(model)))
    assert model == State(other=1, newest=[9], nested={"k": [1, 2, 3], "new": [5]})


def test_a_reset_does_not_take_the_part_for_the_whole() -> None:
    model = State()
    put(model, "other", 1)
    initial = document(State())
    commit(model, propose(model, [Operation("reset", ())], initial))
    assert model == State()
    put(model, "newest", [9, 8, 7])
    with pytest.raises(Rejected, match="a reset would lose"):
        propose(model, [Operation("reset", ("newest",))], initial)
    with pytest.raises(Rejected, match="a reset would lose"):
        propose(model, [Operation("reset", ("nested", "k"))], initial)
    commit(model, propose(model, [Operation("reset", ("other",))], initial))
    assert model == State(newest=[9, 8, 7])


def test_keys_that_are_no_texts_stay_where_the_type_does_not_say_what_they_are() -> None:
    model = State(anything={1: 2, None: 3, (1, 2): 4})
    held = model.anything
    put(model, "anything.1", 9)
    put(model, "anything.None", 8)
    assert model.anything is held
    assert held == {1: 9, None: 8, (1, 2): 4}
