"""Objects that the program holds stay the ones in the state."""

import threading
from functools import cached_property
from typing import Any, Literal

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    SecretStr,
    computed_field,
    field_serializer,
    model_validator,
)

from freak_core.state.transaction import (
    Change,
    Operation,
    commit,
    document,
    propose,
    public,
)
from tests.core.schema_zoo import Layer, zoo


def patch(model: BaseModel, body: Any) -> list[Change]:
    """Merge ``body`` into ``model``."""
    return commit(model, propose(model, [Operation("patch", (), body)], document(model))).changes


def test_nested_models_lists_and_dicts_keep_their_identity() -> None:
    model = zoo()
    held = [
        model.layer,
        model.layers,
        model.layers[1],
        model.by_name,
        model.by_name["a"],
        model.weights,
        model.loose,
    ]
    patch(
        model,
        {
            "layer": {"size": 2},
            "layers": [{"size": 3}, {"size": 4}],
            "by_name": {"a": {"size": 5}, "b": {}},
            "weights": {"a": 2.0},
            "loose": {"extra": 1},
        },
    )
    now = [
        model.layer,
        model.layers,
        model.layers[1],
        model.by_name,
        model.by_name["a"],
        model.weights,
        model.loose,
    ]
    assert all(one is other for one, other in zip(held, now, strict=True))
    assert (model.layers[1].size, model.by_name["a"].size, model.by_name["b"].size) == (4, 5, 8)
    assert model.loose.model_extra == {"extra": 1}


def test_a_frozen_model_is_a_value_and_replaced_whole() -> None:
    model = zoo()
    point = model.point
    patch(model, {"point": {"x": 9}})
    assert point.x == 0
    assert (model.point.x, model.point.y) == (9, 0)


def test_private_attributes_of_the_program_stay() -> None:
    model = zoo()
    model.layer._uses = 5
    patch(model, {"layer": {"size": 2}})
    assert model.layer._uses == 5


def test_private_attributes_that_a_validator_derives_follow() -> None:
    class State(BaseModel):
        lr: float = 1.0
        _double: float = PrivateAttr(default=0.0)
        _lock: Any = PrivateAttr(default_factory=threading.Lock)

        @model_validator(mode="after")
        def derive(self) -> "State":
            self._double = self.lr * 2
            return self

    model = State()
    lock = model._lock
    patch(model, {"lr": 2.0})
    assert model._double == 4.0
    assert model._lock is lock


def test_untouched_fields_keep_their_object_whatever_their_serializer_loses() -> None:
    class State(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        lr: float = 1.0
        items: tuple[float, ...] = (0.123456,)
        lock: Any = Field(default_factory=threading.Lock)

        @field_serializer("items")
        def lossy(self, value: tuple[float, ...]) -> list[str]:
            return [f"{each:.2f}" for each in value]

    model = State(items=(0.123456, 0.5))
    items, lock = model.items, model.lock
    patch(model, {"lr": 2.0})
    assert model.items is items
    assert model.lock is lock
    assert public(model)["lock"] == "<lock>"


def test_a_field_that_reads_another_form_than_it_holds_works() -> None:
    class State(BaseModel):
        lr: float = 1.0
        size: int = 3000

        @model_validator(mode="before")
        @classmethod
        def parse(cls, data: Any) -> Any:
            if "size" in data:
                data = {**data, "size": int(data["size"].removesuffix(" kB")) * 1000}
            return data

        @field_serializer("size")
        def say(self, value: int) -> str:
            return f"{value // 1000} kB"

    model = State()
    assert patch(model, {"size": "4 kB"}) == [Change("/size", "3 kB", "4 kB")]
    assert model.size == 4000


def test_a_cached_property_of_old_values_is_dropped() -> None:
    class Inner(BaseModel):
        size: int = 1

    class State(BaseModel):
        inner: Inner = Inner()
        other: Layer = Layer()

        @cached_property
        def area(self) -> int:
            return self.inner.size**2

    model = State()
    assert model.area == 1
    patch(model, {"inner": {"size": 3}})
    assert model.area == 9


def test_fields_set_grows_by_what_changed() -> None:
    model = zoo()
    patch(model, {"lr": 0.2, "flag": False})
    assert model.model_fields_set - {"doubled_steps"} == {"lr"}


def test_a_root_model_is_changed_in_place() -> None:
    class Items(RootModel[list[Layer]]):
        pass

    model = Items([Layer()])
    held, first = model.root, model.root[0]
    commit(model, propose(model, [Operation("patch", ("0",), {"size": 3})], {}))
    assert model.root is held
    assert held[0] is first
    assert first.size == 3


def test_a_subclass_in_a_field_of_its_base_stays() -> None:
    class Wide(Layer):
        width: int = 3

    model = zoo()
    model.layer = wide = Wide(width=7)
    patch(model, {"layer": {"size": 2}})
    assert model.layer is wide
    assert (wide.size, wide.width) == (2, 7)


def test_a_changed_secret_is_listed_once_and_masked() -> None:
    model = zoo()
    mask = "*" * 10
    assert patch(model, {"token": "other"}) == [Change("/token", mask, mask)]
    assert model.token.get_secret_value() == "other"
    assert patch(model, {"token": "other"}) == []
    assert patch(model, {"tokens": ["two"]}) == [Change("/tokens", [mask], [mask])]
    assert patch(model, {"hidden": 8}) == [Change("/hidden", mask, mask)]
    assert patch(model, {"token": ""}) == [Change("/token", mask, mask)]


def test_a_new_secret_is_masked() -> None:
    class State(BaseModel):
        token: SecretStr | None = None

    assert patch(State(), {"token": "x"}) == [Change("/token", None, "*" * 10)]


def test_readers_see_no_secrets_no_excluded_fields_and_no_nan() -> None:
    model = zoo()
    seen = public(model)
    assert "hunter2" not in repr(seen)
    assert "hidden" not in seen
    assert seen["unbounded"] is None
    assert seen["total"] == 18
    assert document(model)["unbounded"] == float("inf")
    assert document(model)["hidden"] == 7


def test_a_serializer_that_raises_hides_only_its_field() -> None:
    class State(BaseModel):
        lr: float = 1.0
        bad: int = 1

        @field_serializer("bad")
        def fail(self, value: int) -> int:
            raise RuntimeError("no")

    model = State()
    assert public(model) == {"lr": 1.0, "bad": None}
    assert document(model) == {"lr": 1.0, "bad": 1}
    patch(model, {"lr": 2.0})
    assert model.lr == 2.0


def test_a_computed_field_that_raises_is_null_and_the_change_that_made_it_raise_says_so() -> None:
    class State(BaseModel):
        lr: float = 1.0

        @computed_field  # type: ignore[prop-decorator]
        @property
        def inverse(self) -> float:
            return 1 / self.lr

    model = State()
    assert patch(model, {"lr": 0.0}) == [Change("/lr", 1.0, 0.0), Change("/inverse", 1.0, None)]
    assert public(model) == {"lr": 0.0, "inverse": None}
    assert patch(model, {"lr": 2.0})[1] == Change("/inverse", None, 0.5)


def test_a_field_whose_name_is_the_alias_of_another_is_told_apart() -> None:
    class State(BaseModel):
        one: int = Field(1, alias="two")
        two: int = Field(2, alias="one")

    class Outer(BaseModel):
        inner: list[State] | None = [State()]

    assert patch(State(), {"one": 5}) == [Change("/one", 1, 5)]
    model = Outer()
    commit(model, propose(model, [Operation("patch", ("inner", "0", "two"), 7)], {}))
    assert model.inner is not None
    assert (model.inner[0].one, model.inner[0].two) == (1, 7)


def test_aliases_that_a_before_validator_makes_are_read() -> None:
    class State(BaseModel):
        speed: float = Field(1.0, alias="velocity")

        @model_validator(mode="before")
        @classmethod
        def rename(cls, data: Any) -> Any:
            return {"velocity": data["v"]} if "v" in data else data

    assert patch(State(), {"v": 2.0}) == [Change("/speed", 1.0, 2.0)]


def test_untouched_items_of_a_changed_dict_keep_their_object() -> None:
    class State(BaseModel):
        runs: dict[str, tuple[float, ...]] = {}

        @field_serializer("runs")
        def lossy(self, value: dict[str, tuple[float, ...]]) -> dict[str, str]:
            return dict.fromkeys(value, "many numbers")

        @model_validator(mode="before")
        @classmethod
        def parse(cls, data: Any) -> Any:
            runs = data.get("runs", {}).items()
            return {"runs": {key: (0.0,) if isinstance(value, str) else value for key, value in runs}}

    model = State(runs={"a": (0.5,), "b": (0.7,)})
    held, first = model.runs, model.runs["a"]
    patch(model, {"runs": {"b": [0.9]}})
    assert model.runs is held
    assert held["a"] is first
    assert held["b"] == (0.9,)


class Adam(BaseModel):
    name: Literal["adam"] = "adam"
    lr: float = 1e-3


class AdamW(Adam):
    pass


class Plain(BaseModel):
    name: Literal["sgd"] = "sgd"
    lr: float = 0.1


class Optimizers(BaseModel):
    used: Adam | Plain = Field(default_factory=Adam, discriminator="name")
    others: list[Adam | Plain] = Field(default_factory=lambda: [AdamW(), Plain()])
    by_name: dict[str, Adam | Plain] = Field(default_factory=lambda: {"first": Adam()})


def test_a_value_of_another_class_replaces_the_object() -> None:
    model = Optimizers()
    held = [model.used, model.others[1], model.by_name["first"]]
    other = {"name": "sgd", "lr": 0.5}
    body = {
        "used": other,
        "others": [{"name": "adam"}, {"name": "adam", "lr": 0.2}],
        "by_name": {"first": other},
    }
    patch(model, body)
    assert [type(model.used), type(model.others[1]), type(model.by_name["first"])] == [Plain, Adam, Plain]
    assert [each.lr for each in held if isinstance(each, Adam | Plain)] == [1e-3, 0.1, 1e-3]
    assert (model.used.lr, model.others[1].lr, model.by_name["first"].lr) == (0.5, 0.2, 0.5)


@pytest.mark.filterwarnings("ignore")
def test_so_does_one_that_replaces_an_invalid_object() -> None:
    model = Optimizers()
    held: Any = model.used
    held.lr = "fast"
    patch(model, {"used": {"name": "sgd", "lr": 0.5}})
    assert (type(model.used), model.used.lr, held.lr) == (Plain, 0.5, "fast")
