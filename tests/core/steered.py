"""The state that the tests steer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class Head(BaseModel):
    lr: float = Field(0.1, gt=0, le=10)
    hidden: list[int] = [32, 16]
    dropout: float | None = None


class Steered(BaseModel):
    model_config = ConfigDict(validate_assignment=True)

    epochs: int = Field(10, ge=1, le=1000)
    name: str = "run"
    mode: Literal["fast", "slow"] = "slow"
    head: Head = Field(default_factory=Head)
    weights: dict[str, float] = {"a/b": 1.0, "c.d": 2.0, "ü": 3.0}
    password: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _fast_is_short(self) -> "Steered":
        if self.mode == "fast" and self.epochs > 100:
            raise ValueError("a fast run has at most 100 epochs")
        return self
