"""A validator that changes what the state holds in place: all is written with its request, or nothing is."""

import copy
import dataclasses
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import pytest
from pydantic import BaseModel, Field, RootModel, field_validator, model_validator

from freak_core.errors import Rejected
from freak_core.state.transaction import Operation, commit, document, propose, public


class Inner(BaseModel):
    last: int = 0


class Numbers(RootModel[list[int]]):
    root: list[int] = []


@dataclasses.dataclass
class Plain:
    last: int = 0


@dataclasses.dataclass(slots=True)
class Slotted:
    last: int = 0
    seen: list[int] = dataclasses.field(default_factory=list)


class State(BaseModel):
    wanted: int = 0
    inner: Inner = Field(default_factory=Inner)
    inners: list[Inner] = Field(default_factory=lambda: [Inner()])
    pair: tuple[Inner, int] = Field(default_factory=lambda: (Inner(), 1))
    numbers: list[int] = Field(default_factory=list)
    root: Numbers = Field(default_factory=Numbers)
    by_name: dict[str, int] = Field(default_factory=dict)
    kinds: set[int] = Field(default_factory=set)
    plain: Plain = Field(default_factory=Plain)
    slotted: Slotted = Field(default_factory=Slotted)
    latest: deque[int] = Field(default_factory=lambda: deque(maxlen=2))
    groups: defaultdict[str, list[int]] = Field(default_factory=lambda: defaultdict(list))
    ordered: OrderedDict[str, int] = Field(default_factory=OrderedDict)
    counted: Counter[str] = Field(default_factory=Counter)
    anything: Any = Field(default_factory=lambda: [{"deep": Plain()}])

    @model_validator(mode="after")
    def _follow(self) -> "State":
        if self.wanted:
            self.inner.last = self.inners[0].last = self.pair[0].last = self.wanted
            self.numbers.append(self.wanted)
            self.root.root.append(self.wanted)
            self.by_name["last"] = self.wanted
            self.kinds.add(self.wanted)
            self.plain.last = self.wanted
            self.slotted.last = self.wanted
            self.slotted.seen.append(self.wanted)
            self.latest.append(self.wanted)
            self.groups["all"].append(self.wanted)
            self.ordered["last"] = self.wanted
            self.counted["last"] += self.wanted
            self.anything[0]["deep"].last = self.wanted
        if self.wanted > 10:
            raise ValueError("more than 10")
        return self


def proposed(model: BaseModel, wanted: int) -> Any:
    return propose(model, [Operation("patch", (), {"wanted": wanted})], document(model))


def test_all_that_it_has_changed_is_written_and_the_receipt_says_so() -> None:
    model = State()
    before, held = public(model), dict(model.__dict__)
    candidate = proposed(model, 3)
    assert public(model) == before  # a dry run ends here
    done = commit(model, candidate)
    assert public(model) == done.seen == State(wanted=3).model_dump(mode="json")
    assert {each.path.split("/")[1] for each in done.changes} == set(State.model_fields)
    moved = {name for name, value in model.__dict__.items() if value is not held[name]}
    assert moved <= {"wanted", "kinds", "latest"}  # a set and a deque are replaced


def test_nothing_of_it_stays_where_the_request_is_refused() -> None:
    model = State()
    proposed(model, 4)
    before = copy.deepcopy(model)
    with pytest.raises(Rejected, match="more than 10"):
        proposed(model, 11)
    assert model == before
    commit(model, proposed(model, 5))
    assert (model.numbers, model.slotted.seen, list(model.latest), model.counted) == (
        [5],
        [5],
        [5],
        {"last": 5},
    )


def test_a_validator_of_one_field_may_change_another_value_in_place() -> None:
    class Sorted(BaseModel):
        rows: list[list[int]] = []
        other: int = 0

        @field_validator("rows")
        @classmethod
        def in_order(cls, rows: list[list[int]]) -> list[list[int]]:
            for row in rows:
                row.sort()
            return rows

    model = Sorted(rows=[[1, 2], [3, 4]])
    held = model.rows[0]
    commit(model, propose(model, [Operation("put", ("rows", "1"), [9, 5])], document(model)))
    assert model.rows == [[1, 2], [5, 9]]
    assert model.rows[0] is held
