"""``freak describe``: fields of the state, and actions."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, computed_field

from freak_core import Freak
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.waiting import eventually


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


class Inner(BaseModel):
    deep: Schedule = Schedule()


class Two(BaseModel):
    one: Inner = Inner()
    other: Described = Described()


def test_a_script_gets_no_definition_that_a_part_does_not_refer_to(served: Serve) -> None:
    served(Two())
    assert set(freak("describe", "one", "--json").json["$defs"]) == {"Inner", "Schedule"}
    assert "$defs" not in freak("describe", "other.rate", "--json").json
    assert set(freak("describe", "--json").json["$defs"]) == {"Inner", "Schedule", "Described"}


@pytest.fixture
def acting(served: Serve) -> Freak:
    """A program with two actions, one of which is called like a value."""
    program = served(Described())

    @program.action
    def save(
        name: str,
        keep: Annotated[int, Field(ge=1, description="How many\nremain.")] = 3,
        kind: Literal["all", "weights"] | None = None,
    ) -> None:
        """Save it.

        All of it.
        """

    @program.action(name="mode")
    def switch() -> None:
        """Switch."""

    return program


def test_an_action_is_described_with_its_arguments(acting: Freak) -> None:
    first, _, *rest = freak("describe", "save").out.partition("\n\nARGUMENT ")
    assert first == "save: Save it.\n\nAll of it."
    assert [" ".join(line.split()) for line in rest[0].splitlines()] == [
        "DEFAULT MAY BE ABOUT",
        "name required string",
        "keep 3 integer >= 1 How many remain.",
        'kind null "all" or "weights" or null',
    ]
    assert freak("describe", "save", "--json").json["arguments"]["required"] == ["name"]


def test_what_the_docstring_says_of_an_argument_is_in_its_row(acting: Freak) -> None:
    @acting.action
    def warm(rate: float, steps: int = 3, unsaid: bool = False) -> None:
        """Warm ``rate`` up: slowly.

        Args:
            rate: the rate that ``steps`` lead to;
                above zero.

            steps (int): how many.

        Raises:
            ValueError: the rate is not above zero.
        """

    eventually(lambda: "warm" in freak("describe").out)
    text, _, rows = freak("describe", "warm").out.partition("\n\nARGUMENT ")
    assert text == ("warm: Warm rate up: slowly.\n\nRaises:\n    ValueError: the rate is not above zero.")
    assert [" ".join(line.split()) for line in rows.splitlines()[1:]] == [
        "rate required number the rate that steps lead to; above zero.",
        "steps 3 integer how many.",
        "unsaid false boolean",
    ]


def test_all_that_can_be_called_is_listed_after_what_can_be_set(acting: Freak) -> None:
    actions = freak("describe").out.partition("\n\n")[2].splitlines()
    assert [line.split() for line in actions] == [
        ["ACTION", "ARGUMENTS", "ABOUT"],
        ["save", "name", "keep", "kind", "Save", "it."],
        ["mode", "-", "Switch."],
    ]
    assert freak("describe", "mode").out.startswith("PATH")  # the state comes first
