"""Schemathesis, which knows nothing of Freak: every route keeps to what the OpenAPI document says of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr

from freak_core import Freak
from tests.soak import SOAK

EXAMPLES = 60 if SOAK else 2
PHASES = "examples,coverage,fuzzing" if SOAK else "examples,fuzzing"
ROOT = Path(__file__).parents[2]

CONFIG = """
[checks.positive_data_acceptance]
# 412 besides the default, here and below: a generated If-Match is well-formed, and of another state.
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "5xx"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "428", "429"]

[[operations]]
# A merge patch of a union need not name the kind that the value has already: the document cannot say so.
include-method = "PATCH"
include-path = ["/state", "/state/optimizer"]
checks.negative_data_rejection.expected-statuses = ["2xx", "4xx"]
"""


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)


class Sgd(BaseModel):
    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.9, ge=0, lt=1)


class Layer(BaseModel):
    size: int = Field(8, ge=1, le=4096)
    dropout: float | None = Field(None, ge=0, le=1, description="share of the units that are left out")


class Rich(BaseModel):
    """A state with a field of each kind that programs use."""

    lr: float = Field(0.1, gt=0, le=10, description="learning rate")
    steps: int = Field(100, ge=0, le=10**9)
    name: str = Field("run", max_length=40)
    on: bool = True
    mode: Literal["fast", "slow"] = "slow"
    colour: Colour = Colour.RED
    layers: list[Layer] = [Layer(), Layer(size=4)]
    weights: dict[str, float] = {"a": 1.0, "b/c": 2.0}
    optimizer: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    until: date | None = None
    every: timedelta = timedelta(minutes=5)
    id: UUID = UUID(int=7)
    tags: set[str] = {"one"}
    password: SecretStr = SecretStr("hush")
    either: int | str | None = None


@pytest.fixture
def rich(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Freak]:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    freak = Freak(port=0, name="rich")

    @freak.action
    def add(one: int, two: int = 2, label: str = "") -> str:
        """Add two numbers."""
        return f"{label}{one + two}"

    @freak.action
    def nothing() -> None:
        """Do nothing."""

    with freak.control(Rich()):
        freak.publish(step=10, epoch=1, phase="training", loss=0.5, accuracy=0.9)
        yield freak


def test_every_route_keeps_to_its_description(rich: Freak, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        tmp_path / "schemathesis.toml",
        "run",
    ]
    options = {
        "--header": f"Authorization: Bearer {rich.token}",
        "--checks": "all",
        "--exclude-checks": "missing_required_header",  # every request has the token: test_denial.py has none
        "--phases": PHASES,
        "--max-examples": EXAMPLES,
        "--seed": 1,
        "--rate-limit": "auto",
        "--request-timeout": 30,
    }
    # The events never end; each action has a route of its own.
    left_out = ["--exclude-path", "/events", "--exclude-path", "/actions/{name}"]
    given = [*(str(part) for option in options.items() for part in option), *left_out]
    ran = subprocess.run(
        [*command, f"{rich.url}/openapi.json", *given, "--continue-on-failure", "--no-color"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.core.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        timeout=1000,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
