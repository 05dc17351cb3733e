"""Where a type says nothing, the object that is there says which fields it has, and it stays that object."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, computed_field

from freak_core import Receipt, Rejected, Store, Write
from freak_core.state.type_hints import MASK


class Model(BaseModel):
    size: float = 1.0
    key: SecretStr = SecretStr("hush")

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation has it
    @property
    def double(self) -> float:
        return 2 * self.size


@dataclass
class Plain:
    size: float = 1.0
    inner: Any = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class State(BaseModel):
    model_config = ConfigDict(extra="allow")
    one: Any = None
    named: dict[str, Any] = {}
    bare: dict = {}  # type: ignore[type-arg]
    listed: list[Any] = []
    fixed: tuple[Any, ...] = ()


def objects() -> dict[tuple[str, ...], State]:
    """Return a state for each place at which the declared type says nothing, by the path of its object."""
    return {
        ("one",): State(one=Model()),
        ("one", "inner"): State(one=Plain(inner=Model())),
        ("named", "a", "b"): State(named={"a": {"b": Model()}}),
        ("bare", "a"): State(bare={"a": Model()}),
        ("listed", "0"): State(listed=[Model(), 2]),
        ("fixed", "0"): State(fixed=(Model(), 2)),
        ("fixed", "0", "inner", "0"): State(fixed=(Plain(inner=[Model()]),)),
        ("more",): State(more=Model()),  # type: ignore[call-arg]  # an extra field
    }


def there(state: State, path: tuple[str, ...]) -> Any:
    value: Any = state
    for part in path:
        value = (
            getattr(value, part) if hasattr(value, part) else value[int(part) if part.isdecimal() else part]
        )
    return value


def ask(state: State, kind: Any, path: tuple[str, ...], body: Any) -> Receipt:
    """Submit a write, which is applied at once."""
    return Store(state).submit(Write(kind, path, body))


def refusal(state: State, kind: Any, path: tuple[str, ...], body: Any) -> list[str]:
    """Return what a write that is refused complains of, with the paths."""
    before = repr(state)
    with pytest.raises(Rejected) as refused:
        ask(state, kind, path, body)
    assert repr(state) == before
    return [f"{error['path']}: {error['message']}" for error in refused.value.errors]


@pytest.mark.parametrize("path", list(objects()), ids=".".join)
def test_a_field_is_changed_by_the_rules_of_its_class(path: tuple[str, ...]) -> None:
    state = objects()[path]
    before = there(state, path)
    ask(state, "patch", path, {"size": 2, "key": MASK})
    assert there(state, path) is before
    assert (before.size, type(before.size)) == (2.0, float)
    assert before.key.get_secret_value() == "hush"
    told = ask(state, "put", (*path, "key"), "quiet")
    assert "quiet" not in told.model_dump_json()
    assert there(state, path) is before
    assert before.key.get_secret_value() == "quiet"
    (why,) = refusal(state, "put", (*path, "size"), "large")
    assert why == "/" + "/".join((*path, "size")) + ": Input should be a valid number"


@pytest.mark.parametrize("kind", ["patch", "put"])
@pytest.mark.parametrize("path", list(objects()), ids=".".join)
def test_a_name_that_its_class_does_not_have_is_refused(path: tuple[str, ...], kind: str) -> None:
    near, far = ("/" + "/".join((*path, name)) for name in ("sise", "other"))
    (why,) = refusal(objects()[path], kind, path, {"sise": 2})
    assert why == f"{near}: there is no such field; did you mean 'size'?"
    (why,) = refusal(objects()[path], kind, path, {"size": 2, "other": 2})
    assert why == f"{far}: there is no such field"
    (why,) = refusal(objects()[path], "patch", path, {"double": 5})
    assert "computed" in why


def test_what_takes_any_name_still_does() -> None:
    state = State(one={"a": 1}, named={"open": Open()}, more={})  # type: ignore[call-arg]  # an extra field
    ask(state, "patch", (), {"one": {"b": 2}, "named": {"open": {"c": 3}, "d": 4}, "more": {"e": 5}})
    assert state.one == {"a": 1, "b": 2}
    assert state.named == {"open": Open(c=3), "d": 4}  # type: ignore[call-arg]
    assert state.model_extra == {"more": {"e": 5}}


@pytest.mark.parametrize("value", [5, "text", None, [1]])
def test_another_kind_of_value_takes_its_place(value: Any) -> None:
    state = State(one=Model())
    ask(state, "put", ("one",), value)
    assert state.one == value


def test_what_an_earlier_operation_has_put_there_decides() -> None:
    state = State(one=Model(), named={"a": Model()})
    operations = [
        {"op": "replace", "path": "/one", "value": None},
        {"op": "replace", "path": "/one", "value": {"other": 1}},
        {"op": "remove", "path": "/named/a"},
        {"op": "add", "path": "/named/a", "value": {"other": 2}},
    ]
    ask(state, "json_patch", (), operations)
    assert (state.one, state.named) == ({"other": 1}, {"a": {"other": 2}})


def test_json_patch_knows_the_fields_too() -> None:
    state = State(listed=[Plain(inner=Model())])
    path = "/listed/0/inner"
    operations = [
        {"op": "test", "path": f"{path}/size", "value": 1.0},
        {"op": "replace", "path": f"{path}/size", "value": 7},
        {"op": "merge", "path": path, "value": {"key": "quiet"}},
    ]
    ask(state, "json_patch", (), operations)
    assert (state.listed[0].inner.size, state.listed[0].inner.key.get_secret_value()) == (7.0, "quiet")
    (why,) = refusal(state, "json_patch", (), [{"op": "add", "path": f"{path}/sise", "value": 1}])
    assert why.startswith(f"{path}/sise: no 'sise'")
    (why,) = refusal(state, "json_patch", (), [{"op": "remove", "path": f"{path}/size"}])
    assert "cannot be removed" in why
