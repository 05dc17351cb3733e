"""An overlay in a real trainer: checkpoints, optimizers stepped by hand, interruptions."""

from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import SGD
from torch.optim import lr_scheduler as schedules

from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay, Rule
from tests.lightning.rates import ARITHMETIC, hold, watch_rates
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, plain_loader, tiny_trainer

pytestmark = KNOWN_WARNINGS

HOLD = 0.0123


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rates of all steps, one per group."""
    return watch_rates(monkeypatch)


class Steering(Callback):
    """Attaches an overlay and changes its rule at given batches."""

    def __init__(self, rules: dict[int, Rule | None]) -> None:
        self.rules = rules

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.overlay = ParamGroupOverlay(trainer.optimizers)
        self.overlay.attach()

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step in self.rules:
            self.overlay.set_rule("lr", self.rules[trainer.global_step])


def test_a_checkpoint_saved_while_held_stores_the_schedule() -> None:
    """Optimizer states and schedulers are those of the schedule."""

    def configure(parameters: Any) -> Any:
        optimizer = SGD(parameters, lr=0.05, momentum=0.9)
        return [optimizer], [{"scheduler": schedules.StepLR(optimizer, 1, 0.7), "interval": "step"}]

    steering = Steering({2: hold(HOLD)})
    trainer = fit([steering], model=lambda: TinyModel(configure), max_epochs=1)
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
    steering = Steering({2: lambda optimizer, group_index, group, scheduled: HOLD if optimizer else None})
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

    trainer, model = tiny_trainer([Steering({0: hold(HOLD)})], limit_val_batches=0), Failing()
    with pytest.raises(ValueError, match="broken batch"):
        trainer.fit(model, plain_loader(), plain_loader())
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.05


class OutOfMemory(TinyModel):
    """Loses one update for want of memory, and goes on."""

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, closure: Any) -> None:
        with pytest.MonkeyPatch.context() as broken:
            if batch_idx == 3:
                broken.setattr(ARITHMETIC, "sgd", raise_memory_error)
            try:
                optimizer.step(closure=closure)
            except MemoryError:
                self.left_behind = self.trainer.optimizers[0].param_groups[0]["lr"]

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=0.05)
        return [optimizer], [{"scheduler": schedules.StepLR(optimizer, 1, 0.5), "interval": "step"}]


def raise_memory_error(*args: Any, **kwargs: Any) -> None:
    """Fail as an update does that finds no room."""
    raise MemoryError


def test_an_update_that_was_lost_leaves_the_schedule_to_the_scheduler() -> None:
    """The override would otherwise be taken for the schedule, by the scheduler and by every later step."""
    steering = Steering({2: hold(HOLD), 6: None})
    trainer = fit([steering], model=OutOfMemory, max_epochs=1)
    assert trainer.lightning_module.left_behind == 0.05 * 0.5**3
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.05 * 0.5**8
