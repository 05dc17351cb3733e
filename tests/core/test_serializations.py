"""How often a change serializes and validates the user's object: its code may be slow."""

import collections
from typing import Any

import pytest
from pydantic import BaseModel, field_serializer, field_validator

from freak_core import Freak, Store, Write
from freak_core.program.arguments import Apply

calls: collections.Counter[str] = collections.Counter()


class Counting(BaseModel):
    rate: float = 1.0
    steps: int = 5

    @field_serializer("rate")
    def _serialize(self, rate: float) -> float:
        calls["serialized"] += 1
        return rate

    @field_validator("rate")
    @classmethod
    def _validate(cls, rate: float) -> float:
        calls["validated"] += 1
        return rate


@pytest.fixture(params=["now", "sync"])
def store(request: pytest.FixtureRequest) -> Store:
    apply: Apply = request.param
    made = Store(Counting(), apply)
    calls.clear()
    return made


def test_a_change_of_one_field_serializes_twice_and_validates_once(store: Store) -> None:
    receipt = store.submit(Write("patch", body={"rate": 0.5}))
    for entry in store.take():
        receipt = store.carry_out(entry)
    assert receipt.status == "applied"
    assert store.public() == {"rate": 0.5, "steps": 5}
    assert calls["serialized"] <= 2
    assert calls["validated"] == 1


def test_a_change_that_may_be_reverted_costs_no_more(store: Store) -> None:
    """A training takes a memento on each rank before it applies a request."""
    state: Any = store.model
    if store.apply_when == "sync":
        receipt = store.submit(Write("patch", body={"rate": 0.5}))
        before = store.memento()
        store.apply(store.take()[0].write)
        assert calls == {"serialized": 2, "validated": 1}
        store.revert(before)
        assert (state.rate, store.revision, receipt.revision) == (1.0, 0, 0)
        assert calls == {"serialized": 2, "validated": 1}


def test_an_action_does_not_serialize_for_a_revert(store: Store) -> None:
    store.memento()
    assert not calls


def test_what_the_program_changed_itself_is_noticed_before_a_request_is_applied() -> None:
    state = Counting()
    store = Store(state, "sync")
    store.submit(Write("patch", body={"rate": 0.5}))
    state.steps = 6
    receipt = store.carry_out(store.take()[0])
    assert [change.path for change in receipt.changes] == ["/rate"]
    assert store.public() == {"rate": 0.5, "steps": 6}
    assert receipt.revision == 2


def test_one_and_true_are_not_taken_for_the_same_request() -> None:
    store = Store(Counting(), "sync")
    assert store.submit(Write("patch", body={"steps": 1}, dry_run=True)).status == "valid"
    with pytest.raises(Exception, match="not valid"):
        store.submit(Write("patch", body={"steps": True}, dry_run=True))


def test_a_revert_puts_back_lists_dicts_and_what_has_no_json_form() -> None:
    class Inner(BaseModel):
        sizes: list[int] = [1, 2]
        _cache: dict[str, int] = {"a": 1}

    class State(BaseModel, arbitrary_types_allowed=True):
        inner: Inner = Inner()
        names: dict[str, list[int]] = {"x": [1]}
        hook: Any = print

    state = State()
    inner, sizes = state.inner, state.inner.sizes
    store = Store(state)
    before = store.memento()
    store.apply(Write("patch", body={"inner": {"sizes": [3]}, "names": {"x": None, "y": [2]}}))
    state.hook = len
    store.revert(before)
    assert state.inner is inner
    assert state.inner.sizes is sizes
    assert (sizes, state.names, state.hook, state.inner._cache) == ([1, 2], {"x": [1]}, print, {"a": 1})


def test_served_from_a_process_a_patch_costs_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path))
    monkeypatch.setattr(Store, "refresh", lambda *_, **__: None)  # once a second, whatever is asked
    from freak_core import Client

    with Freak(port=0).control(Counting()) as freak, Client(freak.link) as client:
        client.get("rate")
        calls.clear()
        assert client.set({"rate": 0.5}, wait=5).status == "applied"
        assert calls["serialized"] <= 2
        assert calls["validated"] == 1
