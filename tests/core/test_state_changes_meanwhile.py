"""The program changes its state between the check of a request and the moment it is applied."""

import collections
import dataclasses
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, computed_field, field_validator

from freak_core import Store, Write

meanwhile: list[Any] = []


class State(BaseModel):
    values: dict[str, int] = {"a": 1}
    number: int = 0

    @field_validator("values")
    @classmethod
    def _change_the_live_state(cls, values: dict[str, int]) -> dict[str, int]:
        while meanwhile:
            meanwhile.pop()()
        return values


def test_what_the_program_changes_while_a_request_is_validated_stays_and_is_not_its_change() -> None:
    state = State()
    store = Store(state, "sync")

    def program() -> None:
        state.values["program"] = 7
        state.number = 5

    meanwhile.append(program)
    store.submit(Write("patch", body={"values": {"a": 2}}))
    (receipt,) = [store.carry_out(entry) for entry in store.take()]
    assert state.values == {"a": 2, "program": 7}
    assert [change.path for change in receipt.changes] == ["/values/a"]
    assert state.number == 5


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int = 0


@dataclasses.dataclass
class Inherits(Slotted):
    y: int = 0


class Holder(BaseModel):
    inner: Inherits
    rate: float = 1.0


def test_a_field_in_an_inherited_slot_keeps_what_the_program_wrote() -> None:
    state = Holder(inner=Inherits())
    store = Store(state, "sync")
    store.submit(Write("patch", body={"inner": {"y": 2}}))
    state.inner.x = 5
    for entry in store.take():
        store.carry_out(entry)
    assert (state.inner.x, state.inner.y) == (5, 2)


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = 1

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return 2 * self.size


class Queue(BaseModel):
    items: collections.deque[Item] = collections.deque([Item()])
    rate: float = 1.0


def test_a_deque_of_models_with_computed_fields_does_not_stand_in_the_way() -> None:
    state = Queue()
    store = Store(state)
    assert store.submit(Write("patch", body={"rate": 2.0})).status == "applied"
    assert state.rate == 2.0


class Private(BaseModel):
    rate: float = 1.0
    _log: list[str] = PrivateAttr(default_factory=list)


def test_a_revert_leaves_what_is_inside_private_attributes() -> None:
    state = Private()
    store = Store(state, "sync")
    store.submit(Write("patch", body={"rate": 2.0}))
    for entry in store.take():
        store.apply(entry.write)
    state._log.append("kept")
    store.revert()
    assert (state.rate, state._log) == (1.0, ["kept"])
