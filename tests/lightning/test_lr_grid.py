"""Ten schedulers, in real fits: held, scaled and released by request, no schedule is bent by one bit."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as schedules

from freak_lightning import LROverride
from tests.lightning.asking import Ask, patch
from tests.lightning.rates import rounded, watch_rates
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, plain_loader
from tests.pairs import grid

pytestmark = [
    *KNOWN_WARNINGS,
    pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler is using 'interval'. 'epoch':RuntimeWarning"),
]

HOLD, SCALE = 0.0123, 0.25

SCHEDULERS: dict[str, Callable[[Optimizer], Any] | None] = {
    "none": None,
    "StepLR": lambda optimizer: schedules.StepLR(optimizer, 1, 0.7),
    "ExponentialLR": lambda optimizer: schedules.ExponentialLR(optimizer, 0.9),
    "CosineAnnealingLR": lambda optimizer: schedules.CosineAnnealingLR(optimizer, 10),
    "OneCycleLR": lambda optimizer: schedules.OneCycleLR(optimizer, max_lr=0.2, total_steps=50),
    "LambdaLR": lambda optimizer: schedules.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "ReduceLROnPlateau": lambda optimizer: schedules.ReduceLROnPlateau(optimizer, factor=0.8, patience=0),
    "PolynomialLR": lambda optimizer: schedules.PolynomialLR(optimizer, 12),
    "CosineAnnealingWarmRestarts": lambda optimizer: schedules.CosineAnnealingWarmRestarts(optimizer, 3),
    "SequentialLR": lambda optimizer: schedules.SequentialLR(
        optimizer,
        [
            schedules.LinearLR(optimizer, 0.1, total_iters=3),
            schedules.CosineAnnealingLR(optimizer, 8),
        ],
        milestones=[3],
    ),
}

STEERING = (
    (0, 3, patch({"lr": {"hold": HOLD}})),
    (1, 3, patch({"lr": {"hold": None}})),
    (1, 5, patch({"lr": {"scale": SCALE}})),
    (2, 5, patch({"lr": {"scale": None}})),
)
"""Held in batches 4 to 9, scaled in 12 to 17, let go after each. Six batches an epoch."""


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rates of all steps."""
    return watch_rates(monkeypatch)


class Schedule(Callback):
    """Notes the scheduled rate before each batch."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.rates.append(float(trainer.optimizers[0].param_groups[0]["lr"]))


class FlatModel(TinyModel):
    """Logs a metric that never gets better, so that a plateau scheduler does not depend on the weights."""

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.log("flat", 1.0)
        return super().training_step(batch, batch_idx)


def configured(name: str, tensor: bool, interval: str) -> Callable[[Sequence[Parameter]], Any]:
    """Return a ``configure_optimizers`` with this scheduler."""

    def configure(parameters: Sequence[Parameter]) -> Any:
        optimizer = SGD(parameters, lr=torch.tensor(0.05) if tensor else 0.05, momentum=0.9)
        make = SCHEDULERS[name]
        if make is None:
            return optimizer
        config = {"scheduler": make(optimizer), "interval": interval, "monitor": "flat"}
        return {"optimizer": optimizer, "lr_scheduler": config}

    return configure


@pytest.mark.parametrize(
    ("name", "tensor", "interval", "accumulate"),
    grid(list(SCHEDULERS), [False, True], ["step", "epoch"], [1, 2]),
)
def test_held_scaled_and_released_it_deviates_by_nothing(
    used: list[float], name: str, tensor: bool, interval: str, accumulate: int
) -> None:
    def fitted(*callbacks: Callback) -> tuple[list[float], list[float]]:
        used.clear()
        schedule = Schedule()
        fit(
            [*callbacks, schedule],
            model=lambda: FlatModel(configured(name, tensor, interval)),
            loader=lambda: plain_loader(6),
            accumulate_grad_batches=accumulate,
            limit_val_batches=0,
            max_epochs=4,
        )
        return schedule.rates, list(used)

    control = LROverride()
    ask = Ask(control, *STEERING)
    schedule, untouched = fitted()
    scheduled, steered = fitted(ask, control)
    assert [receipt.status for receipt in ask.receipts] == ["applied"] * 4

    batches = range(accumulate - 1, 24, accumulate)  # of two accumulated batches the second one steps
    expected = list(schedule)
    expected[4:10] = [rounded(HOLD) if tensor else HOLD] * 6
    expected[12:18] = [rounded(rate * SCALE) if tensor else rate * SCALE for rate in schedule[12:18]]
    assert max(abs(ours - its) for ours, its in zip(scheduled, schedule, strict=True)) == 0
    assert untouched == [schedule[batch] for batch in batches]
    assert steered == [expected[batch] for batch in batches]
    assert name == "none" or len(set(schedule)) > 2
