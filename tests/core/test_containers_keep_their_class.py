"""A container keeps its class, its identity and what its class does on its own."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from freak_core.errors import Rejected
from freak_core.state.snapshot import Snapshot
from freak_core.state.transaction import Change, Operation, commit, document, propose, public


class Pair(NamedTuple):
    """Two values with names."""

    left: int = 1
    right: int = 2


class Settings(dict[str, Any]):
    """A dict that takes no assignment, with an attribute of its own."""

    owner = "nobody"

    def __setitem__(self, key: str, value: object) -> None:
        raise RuntimeError("settings are read-only")

    def update(self, *_: object, **__: object) -> None:
        raise RuntimeError("settings are read-only")


class Steps(list[Any]):
    """A list that takes no assignment."""

    def __setitem__(self, key: object, value: object) -> None:
        raise RuntimeError("steps are read-only")


def changed(model: BaseModel, path: str, value: Any) -> list[Change]:
    """Replace the value at a path written with dots."""
    operation = Operation("put", tuple(path.split(".")), value)
    return commit(model, propose(model, [operation], document(model))).changes


def a_counter() -> Any:
    return Counter(a=2)


def test_a_counter_holds_what_the_receipt_says() -> None:
    class State(BaseModel):
        seen: Counter[str] = Counter()

    model = State(seen=a_counter())
    held = model.seen
    assert changed(model, "seen.a", 5) == [Change("/seen/a", 2, 5)]
    assert changed(model, "seen", {"a": 7, "b": 1}) == [Change("/seen/a", 5, 7), Change("/seen/b", None, 1)]
    assert model.seen is held
    assert held == {"a": 7, "b": 1}


def test_an_ordered_dict_knows_its_order_after_a_write() -> None:
    class State(BaseModel):
        stages: OrderedDict[str, int] = OrderedDict()

    model = State(stages=OrderedDict(a=1, b=2))
    commit(
        model,
        propose(
            model,
            [
                Operation("put", ("stages",), {"b": 3, "c": 4}),
            ],
            document(model),
        ),
    )
    assert (list(model.stages), list(reversed(model.stages))) == (["b", "c"], ["c", "b"])
    assert model.stages.popitem() == ("c", 4)


@pytest.mark.parametrize("made", [a_counter, lambda: OrderedDict(a=2), lambda: Settings(a=2)])
def test_what_a_failed_request_has_written_is_put_back_into_a_dict_of_any_class(made: Any) -> None:
    class State(BaseModel):
        held: Any = None

    model = State(held=made())
    before = Snapshot(model)
    dict.clear(model.held) if not isinstance(model.held, OrderedDict) else model.held.clear()
    before.restore()
    assert model.held == made()
    before.restore()
    assert model.held == made()


@pytest.mark.parametrize("hint", [dict[str, Any], Any], ids=["dict", "Any"])
@pytest.mark.parametrize(
    "made",
    [lambda: defaultdict(list, a=[1]), lambda: OrderedDict(a=[1]), lambda: Settings(a=[1])],
    ids=["defaultdict", "OrderedDict", "a class of the program"],
)
def test_a_dict_of_another_class_stays_itself(hint: Any, made: Any) -> None:
    class State(BaseModel):
        held: hint = None

    model = State()
    model.held = held = made()
    changed(model, "held.a", [2])
    assert model.held is held
    changed(model, "held", {"a": [2], "b": [3]})
    assert model.held is held
    assert dict(held) == {"a": [2], "b": [3]}


@pytest.mark.parametrize("hint", [list[int], Sequence[int], Iterable[int], Any])
def test_a_list_of_another_class_stays_itself(hint: Any) -> None:
    class State(BaseModel):
        held: hint = ()

    model = State()
    model.held = held = Steps([1, 2])
    changed(model, "held", [5, 6, 7])
    assert model.held is held
    assert list(held) == [5, 6, 7]


@pytest.mark.parametrize(
    ("hint", "value", "new"),
    [
        (Sequence[int], (1, 2), (5, 2)),
        (Iterable[int], (1, 2), (5, 2)),
        (Any, (1, 2), (5, 2)),
        (Any, Pair(1, 2), Pair(5, 2)),
        (Any, deque([1, 2]), deque([5, 2])),
        (Any, [(1, 2)], [(5, 2)]),
        (dict[str, Any], {"0": Pair()}, {"0": Pair(5, 2)}),
    ],
    ids=repr,
)
def test_what_json_shows_as_a_list_keeps_its_class_where_the_type_names_none(
    hint: Any, value: Any, new: Any
) -> None:
    class State(BaseModel):
        held: hint = None

    model = State()
    model.held = value
    nested = isinstance(value, dict | list)
    changed(model, "held.0.0" if nested else "held.0", 5)
    assert model.held == new
    inside = [model.held["0"], new["0"]] if isinstance(value, dict) else [model.held, new]
    assert type(inside[0]) is type(inside[1])


def test_a_set_stays_a_set_where_the_type_names_none() -> None:
    class State(BaseModel):
        held: Any = None

    model = State(held={1, 2})
    changed(model, "held", [3])
    assert model.held == {3}
    changed(model, "held", [[1], [1]])  # no set can hold that
    assert model.held == [[1], [1]]


def test_an_iterable_that_is_a_list_stays_one() -> None:
    class State(BaseModel):
        held: Iterable[int] = ()

    model = State()
    model.held = held = [1, 2]
    assert changed(model, "held.0", 5) == [Change("/held", [1, 2], [5, 2])]
    assert model.held is held
    assert public(model) == {"held": [5, 2]}


def test_a_deque_keeps_how_much_it_holds_and_takes_no_more() -> None:
    class State(BaseModel):
        last: deque[int] = deque()

    model = State()
    model.last = deque([1, 2], maxlen=3)
    changed(model, "last", [5, 6, 7])
    assert (model.last, model.last.maxlen) == (deque([5, 6, 7]), 3)
    with pytest.raises(Rejected, match="at most 3 items, not 4"):
        changed(model, "last", [1, 2, 3, 4])
    assert model.last == deque([5, 6, 7])
