"""NamedTuples: readers see a list, requests may also use the names of the fields."""

import threading
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from freak_core.errors import NotFound, Rejected
from freak_core.state.transaction import Change, Operation, commit, document, propose


class Span(NamedTuple):
    start: int = 0
    stop: int = 10
    lock: Any = None


class State(BaseModel):
    span: Span = Span()
    spans: list[Span] = []
    maybe: Span | None = None
    nested: dict[str, tuple[Span, int]] = {}


def changed(model: BaseModel, *operations: Operation) -> list[Change]:
    return commit(model, propose(model, operations, document(model))).changes


def a_state() -> tuple[State, Any]:
    lock = threading.Lock()
    span = Span(3, 7, lock)
    return State(span=span, spans=[span, Span()], maybe=span, nested={"a": (span, 1)}), lock


@pytest.mark.parametrize(
    ("path", "read"),
    [
        (("span",), lambda state: state.span),
        (("spans", "0"), lambda state: state.spans[0]),
        (("maybe",), lambda state: state.maybe),
        (("nested", "a", "0"), lambda state: state.nested["a"][0]),
    ],
)
@pytest.mark.parametrize("how", ["a merge", "its path", "its index"])
def test_a_field_is_changed_by_its_name_and_the_others_stay(path: Any, read: Any, how: str) -> None:
    state, lock = a_state()
    key = "1" if how == "its index" else "stop"
    one = Operation("patch", path, {"stop": 9}) if how == "a merge" else Operation("put", (*path, key), 9)
    changed(state, one)
    assert read(state) == Span(3, 9, lock)
    assert type(read(state)) is Span


def test_a_name_that_it_does_not_have_is_refused() -> None:
    state, lock = a_state()
    with pytest.raises(NotFound, match="no index 'end'"):
        changed(state, Operation("put", ("span", "end"), 9))
    with pytest.raises(Rejected):
        changed(state, Operation("patch", ("span",), {"stop": 9, "end": 9}))
    assert state.span == Span(3, 7, lock)
