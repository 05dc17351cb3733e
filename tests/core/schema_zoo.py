"""One model with every pydantic construct a state may use."""

import dataclasses
import enum
import pathlib
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

import typing_extensions
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Layer(BaseModel):
    size: int = Field(8, ge=1)
    name: str = "layer"
    _uses: int = PrivateAttr(default=0)


class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    beta: float = 0.9
    lr: float = 0.1


class Sgd(BaseModel):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.5
    lr: float = 0.1


class Cat(BaseModel):
    claws: int = 4


class Dog(BaseModel):
    bark: str = "wuff"


class Point(BaseModel):
    model_config = ConfigDict(frozen=True)
    x: int = 0
    y: int = 0


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 1


class Watched(BaseModel):
    model_config = ConfigDict(validate_assignment=True)
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def ordered(self) -> "Watched":
        if self.low > self.high:
            raise ValueError("low must not be over high")
        return self


class Stubborn(BaseModel):
    value: int = 1

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError("nobody assigns to me")


class Renaming(BaseModel):
    speed: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def rename(cls, data: Any) -> Any:
        if isinstance(data, dict) and "velocity" in data:
            return {"speed": data["velocity"]}
        return data


class Box(BaseModel, Generic[T]):
    content: T


class Sizes(RootModel[list[int]]):
    pass


class Options(typing_extensions.TypedDict):
    depth: int
    width: NotRequired[int]


@dataclasses.dataclass
class Span:
    start: int = 0
    end: int = 1


class Zoo(BaseModel):
    lr: float = Field(0.1, gt=0, le=1)
    steps: int = 10
    flag: bool = False
    title: str = "run"
    maybe: float | None = None
    layer: Layer = Layer()
    spare: Layer | None = None
    layers: list[Layer] = [Layer(), Layer(size=16)]
    by_name: dict[str, Layer] = {"a": Layer()}
    weights: dict[str, float] = {"a": 1.0}
    slots: dict[int, str] = {1: "one"}
    gaps: dict[str, float | None] = {}
    data: dict[str, Any] = {}
    optimizer: Adam | Sgd = Field(default=Adam(), discriminator="kind")
    pet: Cat | Dog = Cat()
    number_or_text: int | str = 1
    colour: Colour = Colour.RED
    mode: Literal["fast", "slow"] = "fast"
    day: date = date(2024, 1, 1)
    moment: datetime = datetime(2024, 1, 1)
    wait: timedelta = timedelta(seconds=5)
    price: Decimal = Decimal("1.50")
    ident: uuid.UUID = uuid.UUID(int=5)
    folder: pathlib.Path = pathlib.Path("runs")
    token: SecretStr = SecretStr("hunter2")
    key: SecretBytes = SecretBytes(b"key")
    birthday: Secret[date] = Secret[date](date(2000, 1, 1))
    tokens: list[SecretStr] = [SecretStr("one")]
    aliased: int = Field(3, alias="oldName")
    chosen: int = Field(4, validation_alias=AliasChoices("choice", AliasPath("picks", 0)))
    fixed: int = Field(5, frozen=True)
    point: Point = Point()
    loose: Loose = Loose()
    watched: Watched = Watched()
    stubborn: Stubborn = Stubborn()
    renaming: Renaming = Renaming()
    box: Box[int] = Box[int](content=1)
    sizes: Sizes = Sizes([1, 2])
    options: Options = {"depth": 1}
    span: Span = Span()
    pair: tuple[int, str] = (1, "a")
    tags: set[str] = {"x"}
    raw: bytes = b"raw"
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.5
    rounded: float = 0.123456
    doubled_steps: int = 20
    unbounded: float = float("inf")
    hidden: int = Field(7, exclude=True)
    hook: Callable[[], None] | None = Field(default=None, exclude=True)

    @field_serializer("rounded")
    def _round(self, value: float) -> float:
        return round(value, 2)

    @field_validator("title", mode="before")
    @classmethod
    def _strip(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator("mode", mode="wrap")
    @classmethod
    def _pass(cls, value: Any, handler: Any) -> Any:
        return handler(value)

    @model_validator(mode="after")
    def _derive(self) -> "Zoo":
        self.doubled_steps = self.steps * 2
        if self.steps == 13:
            raise ZeroDivisionError("a bug of the program, with hunter2 in it")
        return self

    @computed_field
    @cached_property
    def total(self) -> int:
        return self.steps + self.layer.size


def zoo() -> Zoo:
    """Return a fresh zoo."""
    return Zoo()
