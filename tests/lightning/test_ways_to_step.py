"""However an optimizer is changed, wrapped, compiled or stepped: receipts and measured weights agree."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import SGD

from freak_lightning import LROverride
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, fit
from tests.lightning.ways_to_step import RATE, WAYS, ByHand, Change, Line, NoOptimizer, Way

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

DOCS = Path(__file__).parents[2] / "docs" / "learning-rate.md"

WARNS = re.compile("compile|ZeroRedundancy").search
"""The ways in which PyTorch warns of its own parts."""

HELD, RELEASED = "held and scaled exactly", "not used; a receipt with the status `failed` says so"


def steered(way: Way, **settings: Any) -> tuple[Ask, Line]:
    """Hold the rate after the fourth batch, scale it after the twelfth, release it after the twentieth."""
    control, model = LROverride(), way.module()
    ask = Ask(
        control,
        (0, 3, patch({"lr": {"hold": 0.25}})),
        (1, 3, patch({"lr": {"hold": None, "scale": 0.5}})),
        (2, 3, patch({"lr": {"scale": None}})),
    )
    changes: list[Any] = [] if way.change is None else [Change(way.change)]
    fit([ask, *changes, control], model=lambda: model, **settings)
    return ask, model


def check(way: Way, ask: Ask, model: Line) -> None:
    """The weights must move by the rate of the receipts, or a receipt must fail."""
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


@pytest.mark.filterwarnings("ignore:the override of lr is not in use")
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=way.name, marks=[pytest.mark.filterwarnings("ignore")] * bool(WARNS(way.name)))
        for way in WAYS
    ],
)
def test_the_weights_move_by_the_rate_of_the_receipt(way: Way) -> None:
    check(way, *steered(way))


def test_an_override_of_one_group_stays_with_it_when_groups_are_stepped_one_by_one() -> None:
    way = next(way for way in WAYS if way.name.startswith("other code steps one group"))
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


class TwoByHand(ByHand):
    """Has two optimizers, and does something else with the weights besides stepping."""

    def configure_optimizers(self) -> Any:
        return [SGD([self.w[0]], lr=RATE), SGD([self.w[1]], lr=RATE)]


class OnlyOneIsSeen(TwoByHand):
    """Steps one optimizer, and updates the weight of the other itself."""

    def step_by_hand(self) -> None:
        self.optimizers()[0].step()  # type: ignore[index]
        with torch.no_grad():
            self.w[1].sub_(self.w[1].grad, alpha=RATE)  # type: ignore[arg-type]


class TakesTurns(TwoByHand):
    """Steps one of two optimizers with the same weights; the other one from the second epoch on."""

    def configure_optimizers(self) -> Any:
        return [SGD(self.parameters(), lr=RATE), SGD(self.parameters(), lr=RATE)]

    def step_by_hand(self) -> None:
        self.optimizers()[min(self.current_epoch, 1)].step()  # type: ignore[index]


class Accumulates(ByHand):
    """Steps every fifth batch; the forward of every batch scales one weight, as ``max_norm`` does."""

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.manual_backward(sum(self.w))  # type: ignore[arg-type]
        with torch.no_grad():
            self.w[7].mul_(1.0)
        if batch_idx % 5 == 4:
            self.step_by_hand()
            self.zero_grad()


def held(module: Line) -> tuple[Ask, list[float | None]]:
    """Hold the rate in the first batch; return the answers, and the rate that is still held at the end."""
    control = LROverride()
    ask = Ask(control, (0, 0, patch({"lr": {"hold": 0.25}})))
    held: list[float | None] = []
    fit([ask, control, AtTheEnd(lambda: held.append(control.state.hold))], model=lambda: module, max_epochs=2)
    return ask, held


class AtTheEnd(Callback):
    """Calls something when training ends."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def on_train_end(self, *_: Any) -> None:
        self.call()


@pytest.mark.filterwarnings("ignore:the override of lr is not in use")
def test_an_override_that_one_optimizer_uses_stays_and_one_that_none_uses_is_released() -> None:
    ask, still = held(OnlyOneIsSeen(2))
    failed = [receipt for receipt in ask.receipts if receipt.status == "failed"]
    assert ["optimizer 1 (SGD) has stepped without it" in str(each.error) for each in failed] == [True]
    assert still == [0.25]
    ask, still = held(NoOptimizer())
    assert still == [None]
    assert str(ask.receipts[-1].error["detail"]).endswith("The override is released.")


@pytest.mark.parametrize("module", [TakesTurns(2), Accumulates(8)], ids=lambda each: type(each).__name__)
def test_weights_that_change_otherwise_are_no_step_without_the_override(module: Line) -> None:
    ask, still = held(module)
    assert [receipt.status for receipt in ask.receipts] == ["applied"]
    assert still == [0.25]


def test_the_docs_have_a_row_for_each_way() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    for way in WAYS:
        assert f"| {way.name} | {HELD if way.followed else RELEASED} |" in rows
