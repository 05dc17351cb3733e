"""``freak describe``: what can be set, and to what."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field, computed_field

from tests.core.cli.shell import freak
from tests.core.conftest import Serve


class Schedule(BaseModel):
    warmup: int = Field(100, ge=0, lt=1000, description="Steps before\nfull rate.")


class Described(BaseModel):
    rate: float | None = Field(
        3e-4, gt=0, le=0.1, description="How fast.", json_schema_extra={"unit": "per step"}
    )
    mode: Literal["fast", "slow"] = "slow"
    on: bool = False
    schedule: Schedule = Schedule()
    groups: dict[str, float] = {"a": 1.0}
    sizes: list[int] = [1, 2]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        """Twice the warmup."""
        return 2 * self.schedule.warmup


@pytest.fixture
def lines(served: Serve) -> dict[str, str]:
    """What ``freak describe`` prints, by path."""
    served(Described())
    header, *rows = freak("describe").out.splitlines()
    assert header.split() == ["PATH", "NOW", "MAY", "BE", "ABOUT"]
    return {row.split()[0]: " ".join(row.split()[1:]) for row in rows}


def test_every_value_is_described_in_a_line(lines: dict[str, str]) -> None:
    assert lines == {
        "rate": "0.0003 number > 0 <= 0.1 or null, per step How fast.",
        "mode": '"slow" "fast" or "slow"',
        "on": "false boolean",
        "schedule.warmup": "100 integer >= 0 < 1000 Steps before full rate.",
        "groups": '{"a": 1.0} object',
        "sizes": "[1, 2] array",
        "twice": "200 integer, read-only Twice the warmup.",
    }


def test_one_part_is_described_alone(lines: dict[str, str]) -> None:
    assert freak("describe", "schedule").out.splitlines()[1].startswith("schedule.warmup ")
    assert freak("describe", "groups.a").out.splitlines()[1].split() == ["groups.a", "1.0", "number"]
    assert freak("describe", "sizes.1").out.splitlines()[1].split() == ["sizes.1", "2", "integer"]
    assert "did you mean 'mode'" in freak("describe", "mod", code=4).err


def test_a_script_gets_the_schema(lines: dict[str, str]) -> None:
    assert freak("describe", "--json").json["properties"]["mode"]["enum"] == ["fast", "slow"]
    assert freak("describe", "rate", "--json").json["unit"] == "per step"
    schedule = freak("describe", "schedule", "--json").json
    assert "warmup" in schedule["$defs"]["Schedule"]["properties"]
