"""Hold, scale and release a learning rate by request: the schedule is never bent, not even by one bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import lr_scheduler as lrs

from freak_core import ConfigurationError, Rejected
from freak_lightning import LROverride
from tests.lightning.asking import Ask, asking, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "none": lambda optimizer: None,
    "StepLR": lambda optimizer: lrs.StepLR(optimizer, 3, 0.5),
    "CosineAnnealingLR": lambda optimizer: lrs.CosineAnnealingLR(optimizer, 24),
    "OneCycleLR": lambda optimizer: lrs.OneCycleLR(optimizer, 0.1, total_steps=24),
    "LambdaLR": lambda optimizer: lrs.LambdaLR(optimizer, lambda step: 0.95**step),
    "ReduceLROnPlateau": lambda optimizer: lrs.ReduceLROnPlateau(optimizer, patience=0, factor=0.7),
    "SequentialLR": lambda optimizer: lrs.SequentialLR(
        optimizer,
        [lrs.LinearLR(optimizer, 0.1, total_iters=6), lrs.CosineAnnealingLR(optimizer, 18)],
        milestones=[6],
    ),
}


class Rates(Callback):
    """Notes the scheduled rate before each step, and the one the step used."""

    def __init__(self) -> None:
        self.scheduled: list[float] = []
        self.used: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.optimizers[0].register_step_pre_hook(
            lambda optimizer, *_: self.used.append(float(optimizer.param_groups[0]["lr"]))
        )

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.scheduled.append(float(trainer.optimizers[0].param_groups[0]["lr"]))


class FlatModel(TinyModel):
    """Logs a metric that does not follow the rate, for the scheduler that follows a metric."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("flat", 1.0)
        return super().training_step(batch, batch_idx)


def scheduled_model(schedule: str, *, tensor: bool) -> TinyModel:
    def configure(parameters: Any) -> Any:
        lr: Any = torch.tensor(0.05) if tensor else 0.05
        optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.9)
        scheduler = SCHEDULES[schedule](optimizer)
        if scheduler is None:
            return optimizer
        interval = {"scheduler": scheduler, "interval": "step", "monitor": "flat"}
        return {"optimizer": optimizer, "lr_scheduler": interval}

    return FlatModel(configure)


STEERING = (
    (0, 3, patch({"lr": {"hold": 3e-4}})),
    (0, 7, patch({"lr": {"hold": None, "scale": 0.5}})),
    (1, 4, patch({"lr": {"scale": None}})),
)
"""Asked for while these batches are trained: held from batch 4, scaled from 8, released from 13."""


@pytest.mark.parametrize("tensor", [False, True], ids=["float", "tensor"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_schedule_is_untouched_to_the_bit(schedule: str, tensor: bool, tmp_path: Path) -> None:
    steered, untouched = Rates(), Rates()

    def model() -> TinyModel:
        return scheduled_model(schedule, tensor=tensor)

    ask, callbacks = asking(tmp_path, *STEERING)
    fit([*callbacks, steered], model=model)
    fit([untouched], model=model)
    assert [receipt.status for receipt in ask.receipts] == ["applied"] * 3
    assert steered.scheduled == untouched.scheduled == untouched.used
    assert steered.used[:4] == untouched.used[:4]
    assert steered.used[4:8] == [float(torch.tensor(3e-4)) if tensor else 3e-4] * 4
    assert steered.used[8:13] == [0.5 * lr for lr in untouched.used[8:13]]
    assert steered.used[13:] == untouched.used[13:]


def test_an_override_survives_a_checkpoint_and_a_resume(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path, (0, 1, patch({"lr": {"hold": 0.01}})))
    untouched = fit(callbacks)
    ask, callbacks = asking(tmp_path, (0, 1, patch({"lr": {"hold": 0.01}})), (1, 2, checkpoint()))
    fit(callbacks)
    path = Path(next(receipt for receipt in ask.receipts if receipt.name).result["path"])
    again, ours = asking(tmp_path)
    resumed = fit(ours, resume=path)
    assert same(weights(resumed), weights(untouched))
    saved = torch.load(path, weights_only=True)
    assert saved["optimizer_states"][0]["param_groups"][0]["lr"] == 0.05
    assert again.ids == []


def test_unused_controls_leave_no_trace_in_the_weights(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path)
    assert same(weights(fit(callbacks)), weights(fit()))


def test_single_groups_can_be_held_by_name(tmp_path: Path) -> None:
    def two_groups(parameters: Any) -> Any:
        first, *rest = parameters
        return torch.optim.SGD([{"params": [first], "name": "body"}, {"params": rest}], lr=0.05)

    held = patch({"lr": {"groups": {"body": {"hold": 0.0}}}})
    unknown = patch({"lr": {"groups": {"tail": {"hold": 0.1}}}})
    ask, callbacks = asking(tmp_path, (0, 0, held), (0, 1, unknown))
    trainer = fit(callbacks, model=lambda: TinyModel(two_groups))
    assert ask.receipt(0).result == {"lr": {"body": 0.0, "0/1": 0.05}}
    assert ask.receipt(1).status == "failed"
    assert ask.receipt(1).error is not None
    assert "there are: body, 0/1" in ask.receipt(1).error["detail"]  # type: ignore[index]
    assert trainer.global_step == 24


@pytest.mark.parametrize(
    "section", [{"hold": 1.0}, {"hold": 1e-9}, {"scale": -1}, {"hold": 0.1, "scale": 0.1}, {"hold": True}]
)
def test_what_is_out_of_bounds_is_refused_at_once(tmp_path: Path, section: dict[str, Any]) -> None:
    bounded = LROverride(minimum=1e-7, maximum=0.5)
    refused: list[Rejected] = []

    class Try(Ask):
        def on_train_batch_start(self, *args: Any) -> None:
            try:
                super().on_train_batch_start(*args)
            except Rejected as error:
                refused.append(error)

    fit([Try(bounded, (0, 1, patch({"lr": section}))), bounded])
    assert len(refused) == 1
    assert refused[0].errors[0]["path"].startswith("/lr")


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        LROverride(minimum=1.0, maximum=0.1)
