"""The JSON schema, and the fields behind annotations."""

from collections.abc import Callable
from typing import Any, Literal, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from freak_core.state.fields import pick, record
from freak_core.state.json_schema import json_schema
from freak_core.state.type_hints import allows_none, item
from tests.core.schema_zoo import Adam, Layer, Options, Renaming, Sgd, Sizes, Span, Zoo


def test_the_schema_speaks_of_field_names_not_aliases() -> None:
    properties = json_schema(Zoo)["properties"]
    assert properties.keys() == {*Zoo.model_fields, *Zoo.model_computed_fields}
    assert properties["lr"]["maximum"] == 1


def test_what_cannot_be_set_is_marked() -> None:
    properties = json_schema(Zoo)["properties"]
    assert properties["total"] == {"type": "integer", "readOnly": True, "computed": True}
    assert properties["fixed"]["readOnly"] is True
    assert "readOnly" not in properties["lr"]
    assert properties["price"]["format"] == "decimal"


def test_secrets_are_write_only_and_their_defaults_masked() -> None:
    token = json_schema(Zoo)["properties"]["token"]
    assert token["writeOnly"] is True
    assert token["format"] == "password"
    assert "hunter2" not in repr(json_schema(Zoo))


class Weird:
    pass


class Raising(BaseModel):
    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize("annotation", [Callable[[], int], Weird, type[int], Weird | None, list[Weird]])
def test_a_type_without_a_schema_becomes_an_open_one(annotation: Any) -> None:
    class State(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        weird: annotation
        lr: float = 1.0

    assert json_schema(State)["properties"]["lr"]["type"] == "number"


def test_a_model_whose_schema_raises_still_has_one() -> None:
    assert json_schema(Raising)["type"] == "object"


def test_a_default_that_json_cannot_write_gives_no_warning() -> None:
    class State(BaseModel):
        thing: Any = Field(default=object())

    assert json_schema(State)["properties"].keys() == {"thing"}


def test_fields_are_found_by_name_and_by_alias() -> None:
    zoo = record(Zoo)
    assert zoo is not None
    assert zoo.name("aliased") == zoo.name("oldName") == "aliased"
    assert zoo.by_names({"picks": [9], "choice": 8, "lr": 1}) == {"chosen": 8, "lr": 1}
    assert zoo.by_names({"picks": [9]}) == {"chosen": 9}
    assert zoo.computed == {"total"}


def test_models_dataclasses_and_typed_dicts_are_records_and_nothing_else_is() -> None:
    assert record(Span).fields.keys() == {"start", "end"}  # type: ignore[union-attr]
    assert record(Options).removable == {"width"}  # type: ignore[union-attr]
    assert record(dict) is None
    assert not record(Renaming).checked  # type: ignore[union-attr]


def test_a_body_picks_the_record_that_fits_it() -> None:
    annotation = Adam | Sgd | None
    assert pick(annotation, {"kind": "sgd"}) is record(Sgd)
    assert pick(annotation, {"momentum": 1}) is record(Sgd)
    assert pick(annotation, {"lr": 1}, record(Sgd)) is record(Sgd)
    assert pick(dict[str, int] | Layer, {"other": 1}) is None
    assert pick(dict[str, int] | Layer, {"size": 1}) is record(Layer)


def test_none_and_items_are_read_off_annotations() -> None:
    assert allows_none(Optional[int])  # noqa: UP045
    assert not allows_none(Any)
    assert item(tuple[int, str], 1) is str
    assert item(tuple[int, ...], 9) is int
    assert item(Sizes, 3) is int
    assert item(Literal["a"], 0) is Any


def test_a_schema_never_raises_for_a_secret_of_anything() -> None:
    class State(BaseModel):
        token: SecretStr | None = None

    assert "token" in json_schema(State)["properties"]
