"""Where the trainer and loggers count different steps, a receipt and the run tell both."""

import time
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from freak_core import Client, Freak
from freak_lightning import LROverride
from freak_lightning.controls.live_metrics import LiveMetrics
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class ByHand(TinyModel):
    """Steps each of its optimizers so many times a batch."""

    def __init__(self, optimizers: int = 1, times: int = 1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.optimizers_wanted, self.times = optimizers, times

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        mine: Any = self.optimizers()
        for optimizer in mine if isinstance(mine, list) else [mine]:
            for _ in range(self.times):
                optimizer.zero_grad()
                self.manual_backward(loss := self.net(batch).square().mean())
                optimizer.step()
        self.log("loss", loss)

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.parameters(), lr=0.1) for _ in range(self.optimizers_wanted)]


@pytest.mark.parametrize(
    ("optimizers", "times", "logged"), [(1, 1, None), (2, 1, 11), (1, 3, 11), (2, 2, 11)]
)
def test_a_receipt_has_the_step_of_the_loggers_where_it_differs(
    optimizers: int, times: int, logged: int | None
) -> None:
    control = LROverride()
    ask = Ask(control, (1, 2, patch({"lr": {"hold": 0.01}})))
    fit([ask, control], model=lambda: ByHand(optimizers, times))
    applied = ask.receipt().applied
    assert applied is not None
    assert (applied.step, applied.logged_step) == (11 * optimizers * times, logged)
    expected = f"at step {applied.step}" + ("" if logged is None else f" (logged as step {logged})")
    assert expected in str(ask.receipt())


def test_a_plain_training_has_one_step_only() -> None:
    control = LROverride()
    ask = Ask(control, (1, 2, patch({"lr": {"hold": 0.01}})))
    fit([ask, control])
    applied = ask.receipt().applied
    assert applied is not None
    assert (applied.step, applied.logged_step) == (11, None)


def test_a_plain_training_has_one_step_only_at_the_end_of_an_epoch_too() -> None:
    control = LROverride()

    class AskLate(Ask):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self.on_train_batch_start(trainer, pl_module, None, -1)

    ask = AskLate(control, (0, -1, patch({"lr": {"hold": 0.01}})))
    fit([ask, control])
    applied = ask.receipt().applied
    assert applied is not None
    assert (applied.step, applied.point, applied.logged_step) == (8, "epoch_end", None)


@pytest.mark.served
def test_the_run_and_the_metrics_have_the_same_step() -> None:
    freak = Freak(port=0)

    class Look(Callback):
        def __init__(self) -> None:
            self.run: dict[str, Any] = {}
            self.newest: float | None = None

        def on_train_end(self, trainer: Trainer, *_: Any) -> None:
            deadline = time.monotonic() + 20
            with Client(freak.link) as client:
                while self.newest != 23 or self.run.get("step") != 48:
                    self.run = client.run()
                    self.newest = (client.series().get("loss") or [[None]])[-1][0]
                    assert time.monotonic() < deadline, (self.newest, self.run)

    look = Look()
    fit([LiveMetrics(freak=freak), look], model=lambda: ByHand(2), log_every_n_steps=1)
    assert (look.run["step"], look.run["logged_step"]) == (48, 24)
