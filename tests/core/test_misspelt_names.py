"""A name that the state does not have is refused, wherever it is, and the refusal says which one is near."""

from collections import deque
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ImportString, SerializeAsAny, create_model, model_validator
from typing_extensions import TypedDict

from freak_core import NotFound, Receipt, Refused, Rejected, Store, Write
from freak_core.program.actions import Action
from freak_core.text.paths import did_you_mean


class Looking(BaseModel):
    speed: float = 1.0
    name: str = "n"

    @model_validator(mode="before")
    @classmethod
    def look(cls, data: Any) -> Any:
        return dict(data) if isinstance(data, dict) else data


class Wrapping(BaseModel):
    speed: float = 1.0

    @model_validator(mode="wrap")
    @classmethod
    def around(cls, data: Any, handler: Any) -> Any:
        return handler(data)


class Filtering(BaseModel):
    speed: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def known(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if key in cls.model_fields}


class Renaming(BaseModel):
    speed: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def rename(cls, data: Any) -> Any:
        given = dict(data)
        if "velocity" in given:
            given["speed"] = given.pop("velocity")
        return given


class Base(BaseModel):
    size: int = 1


class Wide(Base):
    width: int = 2


class Rate(BaseModel):
    hold: float | None = None
    scale: float = 1.0
    reason: str = ""


class Options(TypedDict):
    depth: int


class State(BaseModel):
    lr: Rate = Rate()
    looking: Looking = Looking()
    wrapping: Wrapping = Wrapping()
    filtering: Filtering = Filtering()
    renaming: Renaming = Renaming()
    listed: list[Looking] = [Looking()]
    by_name: dict[str, Looking] = {"a": Looking()}
    shown: SerializeAsAny[Base] = Wide()
    several: list[SerializeAsAny[Base]] = [Wide()]


def ask(store: Store[Any], kind: Any, path: str = "", body: Any = None) -> Receipt:
    """Submit a write, which is applied at once."""
    return store.submit(Write(kind, tuple(path.split(".")) if path else (), body))


@pytest.mark.parametrize("kind", ["put", "patch"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("looking", {"sped": 2.0}),
        ("looking", {"sped": 2.0, "speed": 3.0}),
        ("", {"looking": {"sped": 2.0}}),
        ("wrapping", {"sped": 2.0}),
        ("filtering", {"sped": 2.0}),
        ("renaming", {"sped": 2.0}),
        ("listed", [{"sped": 2.0}]),
        ("listed.0", {"sped": 2.0}),
        ("by_name", {"a": {"sped": 2.0}}),
        ("by_name", {"b": {"sped": 2.0}}),
        ("shown", {"sise": 2}),
        ("shown", {"widht": 2}),
        ("shown", {"size": 3, "width": 5}),
        ("several", [{"sise": 2}]),
    ],
)
def test_a_misspelt_field_is_refused(kind: str, path: str, body: Any) -> None:
    model = State()
    before, store = model.model_dump_json(), Store(model)
    with pytest.raises(Rejected) as refused:
        ask(store, kind, path, body)
    assert {each["type"] for each in refused.value.errors} == {"unknown_field"}
    assert model.model_dump_json() == before


@pytest.mark.parametrize("path", ["looking.sped", "shown.widht", "several.0.widht", "shown.width"])
def test_a_path_to_a_misspelt_field_or_to_one_that_only_a_subclass_has_is_refused(path: str) -> None:
    model = State()
    with pytest.raises(Refused) as refused:
        ask(Store(model), "put", path, 5)
    assert isinstance(refused.value, Rejected if path == "shown.width" else NotFound)
    assert model == State()


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_a_name_that_a_validator_understands_is_taken_also_where_it_changes_nothing(speed: float) -> None:
    model = State()
    store = Store(model)
    assert ask(store, "patch", "renaming", {"velocity": speed}).status == "applied"
    assert ask(store, "patch", "", {"renaming": {"velocity": speed}}).status == "applied"
    assert model.renaming.speed == speed


def test_an_unedited_state_with_fields_of_a_subclass_is_taken_back() -> None:
    model = State()
    held, store = [model.shown, model.several[0]], Store(model)
    for kind in ("put", "patch"):
        assert ask(store, kind, "", store.public()).changes == []
        assert ask(store, kind, "shown", store.public()["shown"]).changes == []
    ask(store, "patch", "shown", {"size": 5, "width": 2})
    assert [model.shown, model.several[0]] == held
    assert model.shown == Wide(size=5)


class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    beta: float = 0.9


def tune(
    layers: list[Base],
    by_name: dict[str, Looking] | None = None,
    options: Options | None = None,
    optimizer: Adam | None = None,
    call: ImportString[Any] = None,
    rate: float = Field(0.1),
) -> None:
    """Take arguments of each kind."""


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"layers": [{"sise": 2}]}, "/layers/0/sise"),
        ({"layers": [], "by_name": {"a": {"sped": 1.0}}}, "/by_name/a/sped"),
        ({"layers": [], "options": {"depth": 1, "dept": 1}}, "/options/dept"),
        ({"layers": [], "optimizer": {"kind": "adam", "bata": 1.0}}, "/optimizer/bata"),
        ({"layers": [], "rat": 1.0}, "/rat"),
    ],
)
def test_a_misspelt_name_in_the_arguments_of_an_action_is_refused(body: Any, path: str) -> None:
    with pytest.raises(Rejected) as refused:
        Action(tune).validate(body)
    assert [each["path"] for each in refused.value.errors] == [path]
    assert "did you mean" in refused.value.errors[0]["message"] or path.endswith("sped")


def test_an_action_imports_nothing() -> None:
    body: Any = {"layers": [], "call": "tests.core.import_trap"}
    with pytest.raises(Rejected, match="arguments"):
        Action(tune).validate(body)
    assert Action(tune).shown(body) == "**********"


def test_a_single_value_for_an_object_is_answered_with_the_fields_that_take_it() -> None:
    with pytest.raises(Rejected) as refused:
        ask(Store(State()), "put", "lr", 3e-4)
    assert refused.value.errors[0]["message"].endswith("; did you mean lr.hold or lr.scale?")
    with pytest.raises(Rejected) as refused:
        ask(Store(State()), "patch", "", {"lr": "high"})
    assert refused.value.errors[0]["message"].endswith("; did you mean lr.reason?")


@pytest.mark.parametrize("hint", [list[int], tuple[int, ...], set[int], deque[int], list[int] | None])
def test_a_name_in_place_of_an_index_is_named(hint: Any) -> None:
    state = create_model("Row", items=(hint, [1]))(items=[1])
    with pytest.raises(Rejected) as refused:
        ask(Store(state), "patch", "", {"items": {"-1": 3}})
    assert refused.value.errors[0]["message"].endswith("; '-1' is no index")


def test_a_near_name_is_found_whatever_its_case() -> None:
    assert did_you_mean("LR", ["lr", "step"]) == "; did you mean 'lr'?"
    assert did_you_mean("Stpe", ["lr", "Step"]) == "; did you mean 'Step'?"
    assert did_you_mean("x", ["lr"]) == ""
