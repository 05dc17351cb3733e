"""JSON Patch (RFC 6902) on a state: the operations, and what moves along with the items of a list."""

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ImportString, PrivateAttr, RootModel

from freak_core.errors import Malformed, NotFound, PatchTestFailed, Refused, Rejected
from freak_core.state.transaction import Operation, document, propose, public
from freak_core.text.strict_json import JSON
from tests.core.json_patches import MASK, op, patch
from tests.core.schema_zoo import Layer, Zoo, zoo


class Task(BaseModel):
    name: str
    run: Callable[..., Any] = print
    steps: list[int] = []
    _place: str = PrivateAttr("nowhere")


class Plan(BaseModel):
    tasks: list[Task]
    done: list[Task] = []
    by_name: dict[str, Task] = {}
    current: Task | None = None


def plan() -> Plan:
    """Return a state whose items have attached what JSON cannot write."""
    runs: dict[str, Callable[..., Any]] = {"a": min, "b": max, "c": sum}
    made = Plan(tasks=[Task(name=name, run=run) for name, run in runs.items()])
    for task in made.tasks:
        task._place = f"place of {task.name}"
    return made


def whole(task: Task) -> bool:
    """Whether a task still has what ``plan`` attached to it."""
    return (task.run, task._place) == ({"a": min, "b": max, "c": sum}[task.name], f"place of {task.name}")


@pytest.mark.parametrize(
    ("operations", "names"),
    [
        ([op("remove", "/tasks/0")], "bc"),
        ([op("remove", "/tasks/1")], "ac"),
        ([op("remove", "/tasks/2")], "ab"),
        ([op("remove", "/tasks/0"), op("remove", "/tasks/0")], "c"),
        ([op("move", "/tasks/2", from_="/tasks/0")], "bca"),
        ([op("move", "/tasks/-", from_="/tasks/0")], "bca"),
        ([op("move", "/tasks/0", from_="/tasks/2")], "cab"),
        ([op("move", "/tasks/1", from_="/tasks/1")], "abc"),
        ([op("move", "/tasks/0", from_="/tasks/2"), op("remove", "/tasks/1")], "cb"),
    ],
)
def test_what_is_attached_to_an_item_follows_it(operations: list[Any], names: str) -> None:
    model = plan()
    there, tasks = {task.name: task for task in model.tasks}, model.tasks
    patch(model, *operations)
    assert model.tasks is tasks
    assert [task.name for task in tasks] == list(names)
    assert all(task is there[task.name] and whole(task) for task in tasks)


def test_items_move_between_lists_dicts_and_fields() -> None:
    model = plan()
    a, b, c = model.tasks
    patch(model, op("move", "/done/0", from_="/tasks/0"), op("move", "/by_name/b", from_="/tasks/0"))
    patch(model, op("move", "/current", from_="/tasks/0"))
    assert model.done[0] is a
    assert model.by_name["b"] is b
    assert model.current is c
    assert model.tasks == []
    patch(model, op("move", "/by_name/other", from_="/by_name/b"), op("move", "/tasks/-", from_="/current"))
    assert model.by_name == {"other": b}
    assert model.by_name["other"] is b
    assert model.current is None
    assert model.tasks[0] is c
    assert all(map(whole, (a, b, c)))


def test_an_item_that_moved_and_changed_is_the_same_object() -> None:
    model = plan()
    a = model.tasks[0]
    patch(
        model,
        op("move", "/tasks/2", from_="/tasks/0"),
        op("replace", "/tasks/2/name", "again"),
        op("add", "/tasks/2/steps/-", 4),
    )
    assert model.tasks[2] is a
    assert (a.name, a.steps, a.run, a._place) == ("again", [4], min, "place of a")


def test_a_list_inside_a_moved_item_is_changed_in_place() -> None:
    model = plan()
    model.tasks[0].steps = steps = [1, 2, 3]
    patch(model, op("remove", "/tasks/0/steps/0"), op("move", "/tasks/2", from_="/tasks/0"))
    assert model.tasks[2].steps is steps
    assert steps == [2, 3]


def test_a_new_item_gets_nothing_of_the_others() -> None:
    model = plan()
    a, b, c = model.tasks
    patch(model, op("add", "/tasks/1", {"name": "new"}))
    first, new, *others = model.tasks
    assert first is a
    assert (new.name, new.run, new._place) == ("new", print, "nowhere")
    assert others[0] is b
    assert others[1] is c


def test_a_copy_is_an_object_of_its_own() -> None:
    model = plan()
    patch(model, op("copy", "/tasks/3", from_="/tasks/0"), op("replace", "/tasks/3/name", "copy"))
    assert model.tasks[3] is not model.tasks[0]
    assert [task.name for task in model.tasks] == ["a", "b", "c", "copy"]
    assert whole(model.tasks[0])


def test_equal_items_are_told_apart_by_their_index() -> None:
    model = Plan(tasks=[Task(name="same"), Task(name="same"), Task(name="same")])
    first, second, third = model.tasks
    patch(model, op("remove", "/tasks/0"))
    assert model.tasks[0] is second
    assert model.tasks[1] is third
    assert patch(model, op("move", "/tasks/0", from_="/tasks/1")) == []
    assert model.tasks[0] is third
    assert first not in (model.tasks[0], model.tasks[1]) or first == second


def test_an_item_that_is_sent_back_after_it_moved_is_not_in_two_places() -> None:
    model = plan()
    before = public(model)["tasks"]
    patch(model, op("move", "/done/0", from_="/tasks/0"), op("replace", "/tasks", before))
    assert [task.name for task in (*model.tasks, *model.done)] == ["a", "b", "c", "a"]
    assert model.done[0] is not model.tasks[0]
    assert whole(model.tasks[0])


ZOO_PATCHES: list[tuple[list[Any], dict[str, Any]]] = [
    ([op("replace", "/lr", 0.5)], {"/lr": (0.1, 0.5)}),
    ([op("add", "/lr", 0.5)], {"/lr": (0.1, 0.5)}),
    ([op("test", "/lr", 0.1), op("replace", "/lr", 0.5)], {"/lr": (0.1, 0.5)}),
    ([op("test", "/steps", 10.0), op("test", "/layer", {"size": 8, "name": "layer"})], {}),
    ([op("test", "/token", MASK), op("test", "/total", 18), op("test", "/unbounded", None)], {}),
    ([op("add", "/weights/new", 2.0)], {"/weights/new": (None, 2.0)}),
    ([op("remove", "/weights/a")], {"/weights/a": (1.0, None)}),
    ([op("move", "/weights/b", from_="/weights/a")], {"/weights/a": (1.0, None), "/weights/b": (None, 1.0)}),
    ([op("copy", "/weights/b", from_="/weights/a")], {"/weights/b": (None, 1.0)}),
    ([op("add", "/slots/2", "two")], {"/slots/2": (None, "two")}),
    ([op("remove", "/slots/1")], {"/slots/1": ("one", None)}),
    ([op("add", "/gaps/x", None)], {"/gaps/x": (None, None)}),
    ([op("replace", "/maybe", 1.0), op("remove", "/maybe")], {}),
    ([op("add", "/spare", {"size": 3})], {"/spare": (None, {"size": 3, "name": "layer"})}),
    ([op("add", "/sizes/-", 3), op("remove", "/sizes/0")], {"/sizes": ([1, 2], [2, 3])}),
    ([op("add", "/tags/-", "y"), op("remove", "/tags/0")], {"/tags": (["x"], ["y"])}),
    ([op("replace", "/pair/0", 2)], {"/pair": ([1, "a"], [2, "a"])}),
    ([op("add", "/data/x", [1]), op("add", "/data/x/0", {"a": 1})], {"/data/x": (None, [{"a": 1}, 1])}),
    ([op("replace", "/oldName", 8)], {"/aliased": (3, 8)}),
    ([op("add", "/loose/x", 1), op("move", "/loose/y", from_="/loose/x")], {"/loose/y": (None, 1)}),
    ([op("add", "/options/width", 3)], {"/options/width": (None, 3)}),
    ([op("copy", "/title", from_="/layer/name")], {"/title": ("run", "layer")}),
    ([op("merge", "/sizes/1", 3)], {"/sizes": ([1, 2], [1, 3])}),
    ([op("merge", "/data/a/b", 1)], {"/data/a": (None, {"b": 1})}),
    ([op("merge", "/weights/a", None)], {"/weights/a": (1.0, None)}),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "changes"), ZOO_PATCHES)
def test_a_patch_does_what_the_types_say(operations: list[Any], changes: dict[str, Any]) -> None:
    found = patch(zoo(), *operations)
    assert {each.path: (each.old, each.new) for each in found} == changes


@pytest.mark.parametrize(
    ("operations", "path", "kind"),
    [
        ([op("remove", "/layers/2")], "/layers/2", "no_such_path"),
        ([op("remove", "/layers/-")], "/layers/-", "no_such_path"),
        ([op("remove", "/layers/01")], "/layers/01", "no_such_path"),
        ([op("add", "/layers/3", {})], "/layers/3", "no_such_path"),
        ([op("replace", "/layers/2", {})], "/layers/2", "no_such_path"),
        ([op("move", "/layers/2", from_="/layers/0")], "/layers/2", "no_such_path"),
        ([op("move", "/layers/0", from_="/layers/2")], "/layers/0", "no_such_path"),
        ([op("test", "/layers/2", {})], "/layers/2", "no_such_path"),
        ([op("merge", "/layers/2/size", 3)], "/layers/2/size", "no_such_path"),
        ([op("replace", "/weights/nothing", 1.0)], "/weights/nothing", "no_such_path"),
        ([op("remove", "/lrr")], "/lrr", "no_such_path"),
        ([op("remove", "/lr/x")], "/lr/x", "no_such_path"),
        ([op("add", "/spare/size", 3)], "/spare/size", "no_such_path"),
        ([op("add", "/layers/0", {"siez": 1})], "/layers/0/siez", "unknown_field"),
        ([op("add", "/layers/0", {"size": "x"})], "/layers/0/size", "int_type"),
        ([op("merge", "/layers/0/siez", 1)], "/layers/0/siez", "unknown_field"),
        ([op("remove", "/lr")], "/lr", "not_removable"),
        ([op("move", "/maybe", from_="/lr")], "/lr", "not_removable"),
        ([op("remove", "")], "", "not_removable"),
        ([op("remove", "/total")], "/total", "read_only"),
        ([op("replace", "/total", 3)], "/total", "read_only"),
        ([op("copy", "/total", from_="/steps")], "/total", "read_only"),
        ([op("copy", "/steps", from_="/total")], "/total", "no_json_form"),
        ([op("replace", "/fixed", 3)], "/fixed", "frozen"),
        ([op("copy", "/fixed", from_="/steps")], "/fixed", "frozen"),
        ([op("replace", "/lr", 0.5), op("replace", "/steps", "x")], "/steps", "int_type"),
        ([op("copy", "/title", from_="/token")], "/title", "masked"),
        ([op("copy", "/data/x", from_="/token")], "/data/x", "masked"),
        ([op("move", "/data/x", from_="/tokens/0")], "/data/x", "masked"),
        ([op("add", "/tokens/-", MASK)], "/tokens/1", "masked"),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_applied_changes_nothing(operations: list[Any], path: str, kind: str) -> None:
    model = zoo()
    before, held = repr(document(model)), copy.copy(model.__dict__)
    with pytest.raises(Rejected) as caught:
        patch(model, *operations)
    assert (caught.value.errors[0]["path"], caught.value.errors[0]["type"]) == (path, kind)
    assert repr(document(model)) == before
    assert all(model.__dict__[name] is value for name, value in held.items() if name != "total")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/lr", 0.2),
        ("/flag", 0),
        ("/steps", True),
        ("/title", None),
        ("/layers/0", {"size": 8}),
        ("/sizes", [1, 2, 3]),
        ("/token", "hunter2"),
        ("/tokens", ["one"]),
        ("/hidden", 7),
    ],
)
def test_a_test_that_fails_says_so_and_changes_nothing(path: str, value: JSON) -> None:
    model = zoo()
    before = repr(document(model))
    with pytest.raises((PatchTestFailed, Rejected)) as caught:
        patch(model, op("replace", "/lr", 0.5), op("replace", "/lr", 0.1), op("test", path, value))
    assert caught.value.status == (422 if path == "/hidden" else 409)
    assert "hunter2" not in str(caught.value) or value == "hunter2"
    assert repr(document(model)) == before


def test_a_test_sees_the_operations_before_it() -> None:
    model = zoo()
    patch(model, op("replace", "/layers/0/size", 3), op("test", "/layers/0", {"size": 3, "name": "layer"}))
    assert model.layers[0].size == 3
    with pytest.raises(PatchTestFailed):
        patch(model, op("remove", "/layers/0"), op("test", "/layers/0/size", 3))


@pytest.mark.parametrize(
    "body",
    [
        {},
        "remove",
        [1],
        [{}],
        [{"op": "remove"}],
        [{"op": "delete", "path": "/lr"}],
        [{"op": "add", "path": "/lr"}],
        [{"op": "replace", "path": "lr", "value": 1}],
        [{"op": "test", "path": 3, "value": 1}],
        [{"op": "move", "path": "/lr"}],
        [{"op": "move", "from": "/data", "path": "/data/x"}],
        [{"op": "copy", "from": "x", "path": "/lr"}],
        [{"op": "remove", "path": "/a~2"}],
    ],
)
def test_what_is_no_json_patch_is_malformed(body: Any) -> None:
    with pytest.raises(Malformed):
        propose(zoo(), [Operation("json_patch", (), body)], {})


def test_a_patch_below_a_path_that_is_not_there_is_not_found() -> None:
    model = zoo()
    assert patch(model, op("replace", "/size", 3), at="/layers/0")
    assert model.layers[0].size == 3
    with pytest.raises(NotFound):
        patch(model, op("replace", "/size", 3), at="/layers/2")


class Locked(BaseModel):
    id: int = Field(frozen=True)
    rate: float = 1.0


class Items(BaseModel):
    items: list[Locked] = [Locked(id=1), Locked(id=2)]
    fixed: list[int] = Field([1, 2], frozen=True)


@pytest.mark.parametrize(
    "operations",
    [
        [op("replace", "/items/0/id", 3)],
        [op("replace", "/items/0/id", 3), op("move", "/items/1", from_="/items/0")],
        [op("move", "/items/1", from_="/items/0"), op("replace", "/items/1/id", 3)],
        [op("add", "/items/0", {"id": 3}), op("merge", "/items/1", {"id": 4})],
        [op("add", "/fixed/-", 3)],
        [op("remove", "/fixed/0")],
    ],
)
def test_a_locked_field_stays_wherever_its_item_is(operations: list[Any]) -> None:
    model = Items()
    with pytest.raises(Rejected) as caught:
        patch(model, *operations)
    assert [each["type"] for each in caught.value.errors] == ["frozen"]
    assert model == Items()


def test_items_with_locked_fields_are_added_moved_and_removed() -> None:
    model = Items()
    first, second = model.items
    patch(model, op("move", "/items/1", from_="/items/0"), op("add", "/items/0", {"id": 3}))
    assert model.items[1] is second
    assert model.items[2] is first
    patch(model, op("remove", "/items/1"))
    assert [each.id for each in model.items] == [3, 1]


def test_what_a_program_imported_and_what_json_cannot_write_moves_along() -> None:
    class Hook(BaseModel):
        call: ImportString[Any] = "math.sqrt"
        limit: float = float("inf")

    class State(BaseModel):
        hooks: list[Hook]

    model = State.model_validate({"hooks": [{"call": "math.sin", "limit": 1.0}, {"call": "math.cos"}, {}]})
    _, cos, _ = model.hooks
    patch(model, op("remove", "/hooks/0"))
    patch(model, op("move", "/hooks/1", from_="/hooks/0"))
    assert model.hooks[1] is cos
    with pytest.raises(Rejected):
        patch(model, op("add", "/hooks/0", {"call": "os.system"}))


def test_items_that_are_values_keep_their_objects() -> None:
    class State(BaseModel):
        days: list[date]
        pairs: list[tuple[int, ...]]

    model = State(days=[date(2024, 1, day) for day in (1, 2, 3)], pairs=[(1, 2), (3, 4), (5,)])
    days, pairs = list(model.days), list(model.pairs)
    patch(model, op("remove", "/days/0"), op("move", "/pairs/0", from_="/pairs/2"))
    assert all(one is other for one, other in zip(model.days, days[1:], strict=True))
    assert all(one is other for one, other in zip(model.pairs, [pairs[2], *pairs[:2]], strict=True))


class Free(RootModel[Any]):
    pass


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "2", "-"]), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
OPERATIONS = st.builds(
    lambda name, path, value, source: {"op": name, "path": path, "value": value, "from": source},
    st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
    POINTERS,
    VALUES,
    POINTERS,
)


@given(VALUES, st.lists(OPERATIONS, min_size=1, max_size=4))
def test_a_patch_of_plain_data_is_what_another_implementation_makes_of_it(
    start: JSON, operations: list[Any]
) -> None:
    """``jsonpatch`` is lenient where RFC 6902 is strict, so we may refuse more; never the other way round."""
    model = Free(copy.deepcopy(start))
    try:
        patch(model, *operations)
    except Refused:
        assert repr(model.root) == repr(start)
        return
    assert model.root == jsonpatch.apply_patch({"root": start}, _below_root(operations))["root"]


def _below_root(operations: list[Any]) -> list[Any]:
    moved = {"path", "from"}
    return [{key: f"/root{each}" if key in moved else each for key, each in op.items()} for op in operations]


def test_plain_data_is_patched_and_not_refused() -> None:
    model = Zoo(data={"list": [1, {"a": [2]}]})
    patch(
        model,
        op("move", "/data/x", from_="/data/list/1/a"),
        op("add", "/data/x/-", 3),
        op("copy", "/data/list/0", from_="/data/x"),
        op("test", "/data", {"list": [[2, 3], 1, {}], "x": [2, 3]}),
    )
    assert model.data == {"list": [[2, 3], 1, {}], "x": [2, 3]}
    assert isinstance(model.layers[0], Layer)


def test_a_state_that_does_not_allow_it_refuses_a_whole_new_value() -> None:
    class State(BaseModel):
        model_config = ConfigDict(extra="forbid")
        a: int = 1
        b: int = 2

    model = State()
    patch(model, op("replace", "", {"a": 3}), op("copy", "/b", from_="/a"))
    assert model == State(a=3, b=3)
