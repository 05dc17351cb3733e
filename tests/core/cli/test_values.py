"""The value that ``PATH=VALUE`` means."""

import datetime as dt
import decimal
from enum import Enum
from typing import Any, Literal

import pytest
import typer
from pydantic import BaseModel, Field, SecretStr

from freak_core.cli.assignments import assigned


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Inner(BaseModel):
    ratio: float = 0.5


class Zoo(BaseModel):
    name: str = ""
    nick: str | None = None
    count: int = Field(1, ge=0)
    rate: float = 0.1
    hold: float | None = None
    on: bool = False
    mode: Literal["fast", "slow"] = "fast"
    size: Size = Size.SMALL
    either: int | str = 1
    items: list[int] = []
    pair: tuple[str, int] = ("a", 1)
    table: dict[str, str] = {}
    inner: Inner | None = None
    when: dt.date | None = None
    price: decimal.Decimal = decimal.Decimal(1)
    secret: SecretStr = SecretStr("")
    anything: Any = None


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("name=true", "true"),
        ("name=007", "007"),
        ("name=1e3", "1e3"),
        ("name=null", "null"),
        ("name=[1]", "[1]"),
        ('name="quoted"', "quoted"),
        ("name=", ""),
        ("name=a=b", "a=b"),
        ("nick=null", None),
        ("nick=None", "None"),
        ("nick=12", "12"),
        ("count=3", 3),
        ("count=1e3", 1000),
        ("count=1.5", 1.5),
        ("count=many", "many"),
        ("rate=3e-4", 3e-4),
        ("rate=1", 1),
        ("rate=NaN", "NaN"),
        ("rate=1e999", "1e999"),
        ("hold=null", None),
        ("hold=None", None),
        ("on=true", True),
        ("on=True", True),
        ("on=1", 1),
        ("mode=slow", "slow"),
        ("size=2", 2),
        ("either=2", 2),
        ("either=two", "two"),
        ("items=[1, 2]", [1, 2]),
        ("items.0=7", 7),
        ("pair.0=7", "7"),
        ("pair.1=7", 7),
        ('table={"a": "b"}', {"a": "b"}),
        ("table.a=1", "1"),
        ("inner.ratio=2", 2),
        ("/inner/ratio=2", 2),
        ("when=2026-01-31", "2026-01-31"),
        ("price=1.5", 1.5),
        ("secret=1234", "1234"),
        ("anything=1", 1),
        ("anything=x", "x"),
        ("nowhere=1", 1),
    ],
)
def test_a_value_is_what_fits_there(word: str, value: Any) -> None:
    (found,) = assigned([word], Zoo.model_json_schema()).values()
    assert found == value
    assert type(found) is type(value)


def test_a_backslash_keeps_an_equals_sign_in_the_path() -> None:
    assert assigned([r"table.a\=b=c"], Zoo.model_json_schema()) == {r"table.a\=b": "c"}


@pytest.mark.parametrize("words", [["name"], ["=1"], ["name=1", "name=2"]])
def test_what_is_no_assignment_is_refused(words: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        assigned(words, Zoo.model_json_schema())
