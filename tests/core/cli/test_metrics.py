"""``freak metrics``: the newest value of each."""

import math

import pytest

from freak_core import Client, Freak
from tests.core.cli.shell import freak
from tests.core.conftest import Serve


@pytest.fixture
def measuring(served: Serve) -> Freak:
    """A program that has told some metrics, at different steps."""
    program = served()
    for step in range(20):
        program.publish(step=step, loss=1 / (step + 1), **{"lr-SGD": 0.1})
    program.publish(step=20, **{"val/accuracy, top 1": 0.987654, "grad": math.nan})
    with Client(program.link) as client:
        client.wait_for(step=20)
    return program


def test_the_newest_value_of_each_metric_is_printed_with_its_step(measuring: Freak) -> None:
    header, *rows = freak("metrics").out.splitlines()
    assert header.split() == ["METRIC", "VALUE", "STEP"]
    assert [row.rsplit(maxsplit=2) for row in rows] == [
        ["grad", "nan", "20"],
        ["loss", "0.05", "19"],
        ["lr-SGD", "0.1", "19"],
        ["val/accuracy, top 1", "0.9877", "20"],
    ]


def test_some_metrics_are_asked_for_by_name(measuring: Freak) -> None:
    assert list(freak("metrics", "val/accuracy, top 1", "loss", "--json").json) == [
        "val/accuracy, top 1",
        "loss",
    ]
    told = freak("metrics", "loss", "--json").json["loss"]
    assert (told["step"], told["value"]) == (19, 0.05)
    assert "loss, lr-SGD" in freak("metrics", "los", code=4).err


def test_a_program_that_has_told_none_has_none(served: Serve) -> None:
    served()
    assert "no metrics" in freak("metrics").err
    assert freak("metrics", "--json").json == {}
