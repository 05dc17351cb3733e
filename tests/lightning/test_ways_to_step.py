"""However an optimizer is changed, wrapped, compiled or stepped: receipts and measured weights agree."""

from pathlib import Path
from typing import Any

import pytest

from freak_lightning import LROverride
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, fit
from tests.lightning.ways_to_step import RATE, WAYS, Change, Line, Way

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

DOCS = Path(__file__).parents[2] / "docs" / "learning-rate.md"

HELD, RELEASED = "held and scaled exactly", "told by a receipt that fails"


def steered(way: Way) -> tuple[Ask, Line]:
    """Hold the rate after the fourth batch, scale it after the twelfth, release it after the twentieth."""
    control, model = LROverride(), way.module()
    ask = Ask(
        control,
        (0, 3, patch({"lr": {"hold": 0.25}})),
        (1, 3, patch({"lr": {"hold": None, "scale": 0.5}})),
        (2, 3, patch({"lr": {"scale": None}})),
    )
    changes: list[Any] = [] if way.change is None else [Change(way.change)]
    fit([ask, *changes, control], model=lambda: model)
    return ask, model


@pytest.mark.filterwarnings("ignore:the override of lr is not in use")
@pytest.mark.parametrize(
    "way",
    [
        # Dynamo warns of itself while it traces.
        pytest.param(way, id=way.name, marks=[pytest.mark.filterwarnings("ignore")] * ("compile" in way.name))
        for way in WAYS
    ],
)
def test_the_weights_move_by_the_rate_of_the_receipt(way: Way) -> None:
    ask, model = steered(way)
    first = [moved[0] for moved in model.moved]
    failed = [receipt for receipt in ask.receipts if receipt.name == "lr" and receipt.status == "failed"]
    if not way.followed:
        assert first == [RATE] * 24
        # Of the hold and of the scale; nothing is overridden after the release.
        assert [receipt.applied or receipt.error["detail"][:33] for receipt in failed] == [
            "the override of lr is not in use:"
        ] * 2
        return
    assert failed == []
    assert first == [RATE] * 4 + [0.25] * 16 + [RATE] * 4
    told = [set(ask.receipt(number).result["lr"].values()) for number in range(3)]
    assert told == [{0.25}, {RATE / 2}, {RATE}]
    others = [moved[1:] for moved in model.moved[8:]]
    assert all(moved == first[8 + number] for number, each in enumerate(others) for moved in each)


def test_an_override_of_one_group_stays_with_it_when_groups_are_stepped_one_by_one() -> None:
    way = next(way for way in WAYS if way.name.startswith("stepped group by group from outside"))
    control, model = LROverride(), way.module()
    ask = Ask(control, (0, 3, patch({"lr": {"groups": {"0/1": {"hold": 0.125}}}})))
    fit([ask, control], model=lambda: model, max_epochs=1)
    assert model.moved[4:] == [[RATE, 0.125]] * 4


def test_a_group_that_is_added_later_is_held_by_its_name() -> None:
    way = next(way for way in WAYS if "add_param_group" in way.name)
    assert way.change is not None
    control, model = LROverride(), way.module()
    ask = Ask(control, (1, 0, patch({"lr": {"groups": {"late": {"hold": 0.125}}}})))
    fit([ask, Change(way.change), control], model=lambda: model, max_epochs=2)
    assert model.moved[7] == [RATE, RATE]
    assert model.moved[9:] == [[RATE, 0.125]] * 7
    assert ask.receipt().result["lr"] == {"0/0": RATE, "late": 0.125}


def test_the_docs_have_a_row_for_each_way() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    for way in WAYS:
        assert f"| {way.name} | {HELD if way.followed else RELEASED} |" in rows
