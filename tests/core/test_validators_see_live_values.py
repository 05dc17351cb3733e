"""Validators see a copy of the live state, with the live private attributes and the live objects in it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    RootModel,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from freak_core import Refused, Rejected, Store, Write
from freak_core.program.arguments import Apply

runs: Counter[str] = Counter()
seen: list[Any] = []


@pytest.fixture(autouse=True)
def _clear() -> None:
    runs.clear()
    seen.clear()


@pytest.fixture(params=["now", "sync"])
def apply(request: pytest.FixtureRequest) -> Apply:
    how: Apply = request.param
    return how


def change(state: BaseModel, body: Any, apply: Apply = "now", kind: Any = "patch", path: Any = ()) -> None:
    """Carry out one request on ``state``."""
    store = Store(state, apply)
    runs.clear()
    seen.clear()
    receipt = store.submit(Write(kind, path, body))
    for entry in store.take():
        receipt = store.carry_out(entry)
    assert receipt.status == "applied", receipt


class Limited(BaseModel):
    batch: int = 2
    _most: int = PrivateAttr(100)

    @model_validator(mode="after")
    def fits(self) -> "Limited":
        runs["fits"] += 1
        seen.append(self)
        if self.batch > self._most:
            raise ValueError(f"more than {self._most}")
        return self


class Outer(BaseModel):
    one: Limited = Limited()
    maybe: Limited | None = Limited()
    items: list[Limited] = [Limited(), Limited()]
    by_name: dict[str, Limited] = {"a": Limited()}
    by_number: dict[int, Limited] = {1: Limited()}
    pair: tuple[int, Limited] = (1, Limited())
    rate: float = 1.0


PLACES = ["one", "maybe", "items/0", "by_name/a", "by_number/1", "pair/1"]


def at(outer: Outer, place: str) -> Limited:
    """Return the model at a place."""
    value: Any = outer
    for part in place.split("/"):
        if isinstance(value, BaseModel):
            value = getattr(value, part)
        else:
            value = value[int(part) if part.isdecimal() else part]
    found: Limited = value
    return found


@pytest.mark.parametrize("place", PLACES)
def test_a_validator_of_a_nested_model_sees_its_private_attributes(place: str, apply: Apply) -> None:
    state = Outer()
    live = at(state, place)
    live._most = 3
    with pytest.raises(Refused, match="more than 3"):
        change(state, 5, apply, "put", (*place.split("/"), "batch"))
    live._most = 1000
    change(state, 500, apply, "put", (*place.split("/"), "batch"))
    assert at(state, place).batch == 500
    assert at(state, place)._most == 1000


def test_a_validator_runs_once_and_never_on_the_live_model_nor_where_nothing_changed(apply: Apply) -> None:
    state = Outer()
    change(state, {"one": {"batch": 4}}, apply)
    assert runs == {"fits": 1}
    assert seen[0] is not state.one
    assert state.one.batch == 4
    change(state, {"rate": 2.0}, apply)
    assert not runs


def test_what_a_validator_of_a_refused_request_changed_is_not_in_the_live_state() -> None:
    class State(BaseModel):
        lr: float = 1.0
        log: list[str] = []
        inner: Limited = Limited()

        @model_validator(mode="after")
        def spoil(self) -> "State":
            self.log.append("validated")
            self.inner.batch = 77
            if self.lr > 5:
                raise ValueError("too much")
            return self

    state = State()
    state.log.clear()
    state.inner.batch = 2
    with pytest.raises(Rejected, match="too much"):
        change(state, {"lr": 9.0})
    assert (state.lr, state.log, state.inner.batch) == (1.0, [], 2)


class Hooked(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    hook: Callable[[float], float]
    lock: Any = Field(default_factory=threading.Lock)
    lr: float = 1.0
    twice: float = 2.0

    @field_validator("lr")
    @classmethod
    def _hooked(cls, lr: float, info: ValidationInfo) -> float:
        seen.append(info.data["hook"])
        checked: float = info.data["hook"](lr)
        return checked

    @model_validator(mode="after")
    def _doubled(self) -> "Hooked":
        seen.append(self.lock)
        self.__dict__["twice"] = 2 * self.lr
        return self


def test_validators_see_the_live_fields_without_a_json_form(apply: Apply) -> None:
    state = Hooked(hook=abs)
    hook, lock = state.hook, state.lock
    change(state, {"lr": -3.0}, apply)
    assert seen == [hook, lock]
    assert (state.lr, state.twice) == (3.0, 6.0)
    assert (state.hook, state.lock) == (hook, lock)


@pytest.mark.parametrize("mode", ["before", "wrap"])
def test_a_before_or_wrap_validator_sees_every_field(mode: Any, apply: Apply) -> None:
    class State(BaseModel):
        hook: Any = None
        lr: float = 1.0
        names: list[str] = ["a"]
        inner: Limited = Limited()

        if mode == "before":

            @model_validator(mode="before")
            @classmethod
            def look(cls, data: Any) -> Any:
                seen.append(dict(data))
                return data
        else:

            @model_validator(mode="wrap")
            @classmethod
            def around(cls, data: Any, handler: Any) -> Any:
                if isinstance(data, dict):
                    seen.append(dict(data))
                return handler(data)

    state = State(hook=print)
    state.inner._most = 3
    change(state, {"lr": 2.5}, apply)
    assert seen == [{"hook": print, "lr": 2.5, "names": ["a"], "inner": {"batch": 2}}]
    assert (state.lr, state.hook, state.inner._most) == (2.5, print, 3)
    with pytest.raises(Refused, match="valid number"):
        change(state, {"lr": "2.5"}, apply)
    with pytest.raises(Refused, match="more than 3"):
        change(state, {"inner": {"batch": 4}}, apply)


def test_a_validator_that_fails_is_named() -> None:
    class State(BaseModel):
        lr: float = 1.0

        @model_validator(mode="after")
        def divides(self) -> "State":
            assert 1 / (self.lr - 2)
            return self

    with pytest.raises(Rejected, match=r"the validator .*State\.divides failed with ZeroDivisionError"):
        change(State(), {"lr": 2.0})


def test_a_field_validator_of_a_model_or_list_sees_the_live_items() -> None:
    def small(items: list[Limited]) -> list[Limited]:
        seen.append([each._most for each in items])
        if sum(each.batch for each in items) > 10:
            raise ValueError("too many together")
        return items

    class State(BaseModel):
        items: Annotated[list[Limited], AfterValidator(small)] = [Limited(), Limited()]

    state = State()
    state.items[0]._most, state.items[1]._most = 8, 9
    change(state, 5, kind="put", path=("items", "1", "batch"))
    assert [8, 9] in seen
    with pytest.raises(Rejected, match="too many together"):
        change(state, 9, kind="put", path=("items", "1", "batch"))


class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    lr: float = 0.1
    _most: float = PrivateAttr(1.0)

    @model_validator(mode="after")
    def fits(self) -> "Adam":
        assert self.lr <= self._most, f"more than {self._most}"
        return self


class Sgd(BaseModel):
    kind: Literal["sgd"] = "sgd"
    lr: float = 0.1


def _kind(value: Any) -> str:
    found: str = value["kind"] if isinstance(value, dict) else value.kind
    return found


@pytest.mark.parametrize(
    "hint",
    [
        Adam | Sgd,
        Annotated[Adam | Sgd, Field(discriminator="kind")],
        Annotated[Annotated[Adam, Tag("adam")] | Annotated[Sgd, Tag("sgd")], Discriminator(_kind)],
        Any,
        BaseModel,
    ],
    ids=["union", "by field", "by function", "any", "base"],
)
def test_a_member_of_a_union_is_validated_with_its_private_attributes(hint: Any) -> None:
    class State(BaseModel):
        optimizer: hint = Adam()  # type: ignore[valid-type]

    state: Any = State()
    if hint is BaseModel:
        with pytest.raises(Rejected):
            change(state, {"optimizer": {"nothing": 1}})
        return
    optimizer = state.optimizer
    optimizer._most = 0.5
    with pytest.raises(Rejected, match=r"more than 0\.5"):
        change(state, {"optimizer": {"lr": 0.7}})
    change(state, {"optimizer": {"lr": 0.4}})
    assert state.optimizer is optimizer
    assert optimizer.lr == 0.4
    if hint is not Any:
        change(state, {"optimizer": {"kind": "sgd"}})
        assert state.optimizer == Sgd()


class Numbers(RootModel[list[Limited]]):
    _most: int = PrivateAttr(2)

    @model_validator(mode="after")
    def few(self) -> "Numbers":
        assert len(self.root) <= self._most, f"more than {self._most} items"
        return self


def test_a_root_model_is_validated_with_its_private_attributes() -> None:
    state = Numbers([Limited()])
    change(state, [{"batch": 1}, {"batch": 2}], kind="put")
    with pytest.raises(Rejected, match="more than 2 items"):
        change(state, [{}, {}, {}], kind="put")
    state._most = 3
    change(state, [{}, {}, {}], kind="put")
    assert len(state.root) == 3


class Tree(BaseModel):
    size: int = 1
    left: "Tree | None" = None
    _most: int = PrivateAttr(5)

    @model_validator(mode="after")
    def fits(self) -> "Tree":
        assert self.size <= self._most, f"more than {self._most}"
        return self


def test_a_model_inside_itself_is_validated_with_its_private_attributes() -> None:
    state = Tree(left=Tree(left=Tree()))
    assert state.left is not None
    assert state.left.left is not None
    state.left.left._most = 2
    with pytest.raises(Rejected, match="more than 2"):
        change(state, 4, kind="put", path=("left", "left", "size"))
    change(state, 2, kind="put", path=("left", "left", "size"))
    assert state.left.left.size == 2


def test_fields_that_the_program_made_invalid_do_not_stand_in_the_way_of_others() -> None:
    state = Hooked(hook=abs)
    state.twice = "many"  # type: ignore[assignment]
    state.hook = 5  # type: ignore[assignment]

    class Plain(BaseModel):
        count: int = Field(1, gt=0)
        rate: float = Field(1.0, gt=0)
        loop: Any = None

    plain = Plain(loop=asyncio.Lock())
    plain.count = -1
    change(plain, {"rate": 2.0})
    assert (plain.count, plain.rate) == (-1, 2.0)
    with pytest.raises(Rejected, match="/count"):
        change(plain, {"count": -2})


def test_a_validator_that_sets_other_fields_and_private_attributes_is_followed() -> None:
    class State(BaseModel):
        lr: float = 1.0
        half: float = 0.5
        _checked: list[float] = PrivateAttr(default_factory=list)
        _last: float = PrivateAttr(0.0)

        @model_validator(mode="after")
        def follow(self) -> "State":
            self.__dict__["half"] = self.lr / 2
            self._last = self.lr
            return self

    state = State()
    checked = state._checked
    change(state, {"lr": 8.0})
    assert (state.half, state._last) == (4.0, 8.0)
    assert state._checked is checked
