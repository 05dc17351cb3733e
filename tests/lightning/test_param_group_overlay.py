"""An override is used exactly while it is on, and the schedule never learns of it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as schedules

from freak_lightning.param_group_overlay import ParamGroupOverlay, Rule
from tests.lightning.rates import hold, rounded, scale, watch_rates
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, plain_loader, tiny_trainer

pytestmark = KNOWN_WARNINGS

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


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rates of all steps, one per group."""
    return watch_rates(monkeypatch)


class Steering(Callback):
    """Attaches an overlay, changes its rule at given batches and notes the scheduled rate before each."""

    def __init__(self, rules: dict[int, Rule | None] | None = None) -> None:
        self.rules = rules or {}
        self.scheduled: list[float] = []
        self.announced: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.overlay = ParamGroupOverlay(trainer.optimizers)
        self.overlay.attach()

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.scheduled.append(float(trainer.optimizers[0].param_groups[0]["lr"]))
        batch = len(self.scheduled) - 1
        if batch in self.rules:
            self.overlay.set_rule("lr", self.rules[batch])
        self.announced.append(float(self.overlay.effective("lr")[0][0]))


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


class FlatModel(TinyModel):
    """Logs a metric that never gets better, so that a plateau scheduler does not depend on the weights."""

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.log("flat", 1.0)
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("tensor", [False, True], ids=["float", "tensor"])
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
@pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler is using 'interval'. 'epoch':RuntimeWarning")
def test_an_override_is_exact_while_on_and_never_bends_the_schedule(
    used: list[float], name: str, tensor: bool, interval: str, accumulate: int
) -> None:
    """Held in batches 4 to 9, scaled in 12 to 17, let go after each."""
    settings: dict[str, Any] = {
        "accumulate_grad_batches": accumulate,
        "limit_val_batches": 0,
        "max_epochs": 4,
    }
    configure = configured(name, tensor, interval)
    untouched = Steering()
    fit([untouched], model=lambda: FlatModel(configure), loader=lambda: plain_loader(6), **settings)
    before = list(used)
    used.clear()
    steered = Steering({4: hold(HOLD), 10: None, 12: scale(SCALE), 18: None})
    fit([steered], model=lambda: FlatModel(configure), loader=lambda: plain_loader(6), **settings)

    batches = range(accumulate - 1, 24, accumulate)  # of two accumulated batches the second one steps
    schedule = untouched.scheduled
    assert steered.scheduled == schedule
    assert before == [schedule[batch] for batch in batches]
    expected = list(schedule)
    expected[4:10] = [rounded(HOLD) if tensor else HOLD] * 6
    expected[12:18] = [rounded(rate * SCALE) if tensor else rate * SCALE for rate in schedule[12:18]]
    assert used == [expected[batch] for batch in batches]
    assert steered.announced == expected
    assert name == "none" or len(set(schedule)) > 2


def test_a_checkpoint_saved_while_held_stores_the_schedule() -> None:
    """Optimizer states and schedulers are those of the schedule."""
    steering = Steering({2: hold(HOLD)})
    trainer = fit([steering], model=lambda: TinyModel(configured("StepLR", False, "step")), max_epochs=1)
    assert steering.overlay.effective("lr") == [[HOLD]]
    stored = trainer.strategy.optimizer_state(trainer.optimizers[0])
    rate = 0.05
    for _ in range(8):
        rate *= 0.7
    assert stored["param_groups"][0]["lr"] == steering.overlay.scheduled("lr")[0][0] == rate


class TwoByHand(TinyModel):
    """Steps two optimizers by hand, as a GAN does."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        for optimizer, scheduler in zip(self.optimizers(), self.lr_schedulers(), strict=True):
            loss = self.net(batch).square().mean()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            scheduler.step()

    def configure_optimizers(self) -> Any:
        first, second = SGD(self.net[0].parameters(), lr=0.1), SGD(self.net[3].parameters(), lr=0.2)
        return [first, second], [schedules.ExponentialLR(first, 0.5), schedules.ExponentialLR(second, 0.5)]


def test_optimizers_stepped_by_hand_are_held_one_by_one(used: list[float]) -> None:
    """A rule sees which optimizer it is asked for, and leaves one alone with None."""
    steering = Steering({1: lambda optimizer, group_index, group, scheduled: HOLD if optimizer else None})
    trainer = fit([steering], model=TwoByHand, max_epochs=1, limit_train_batches=3)
    assert used == [0.1, 0.2, 0.05, HOLD, 0.025, HOLD]
    assert [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups] == [
        0.1 * 0.5**3,
        0.2 * 0.5**3,
    ]


def test_the_overlay_reaches_the_optimizer_through_a_trainer_that_was_interrupted() -> None:
    """training_step runs in the closure, so the schedule is back even before on_exception."""

    class Failing(TinyModel):
        def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
            if batch_idx == 2:
                raise ValueError("broken batch")
            return super().training_step(batch, batch_idx)

    steering = Steering({0: hold(HOLD)})
    trainer, model = tiny_trainer([steering], limit_val_batches=0), Failing()
    with pytest.raises(ValueError, match="broken batch"):
        trainer.fit(model, plain_loader(), plain_loader())
    assert steering.overlay._steps[0].optimizer.param_groups[0]["lr"] == 0.05
