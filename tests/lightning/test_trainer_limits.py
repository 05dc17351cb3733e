"""What a trainer cannot take is refused before it ends the fit."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins.precision import FSDPPrecision
from torch.optim import lr_scheduler as schedules

from freak_lightning import CheckpointNow, TrainerOverride
from freak_lightning.controls.trainer_checks import why_not
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


def fused() -> TinyModel:
    return TinyModel(lambda parameters: torch.optim.AdamW(parameters, lr=0.05, fused=True))


def asked(epoch: int, batch: int, **section: Any) -> Any:
    return (epoch, batch, patch({"trainer": section}))


def test_gradients_that_the_optimizer_unscales_itself_are_not_clipped() -> None:
    control = TrainerOverride()
    ask = Ask(control, asked(0, 2, gradient_clip_val=1.0), asked(0, 4, gradient_clip_val=0.0))
    trainer = fit([ask, control], model=fused, precision="bf16-mixed", max_epochs=1)
    assert trainer.global_step == 8
    assert "AdamW is fused" in (ask.receipt(0).error or {})["detail"]
    assert ask.receipt(1).status == "applied"


def test_a_resume_that_cannot_clip_any_more_says_so_and_trains(tmp_path: Path) -> None:
    control = TrainerOverride()
    ask = Ask(
        control, asked(0, 1, gradient_clip_val=1.0, log_every_n_steps=3), (0, 3, checkpoint(name="mid"))
    )
    fit([ask, control, CheckpointNow(tmp_path)], model=fused, max_epochs=1)
    again = TrainerOverride()
    asker = Ask(again)
    resumed = fit(
        [asker, again], model=fused, precision="bf16-mixed", max_epochs=2, resume=tmp_path / "mid.ckpt"
    )
    assert resumed.global_step == 16
    assert resumed.gradient_clip_val is None
    restore = next(receipt for receipt in asker.receipts if receipt.name == "restore")
    assert "AdamW is fused" in (restore.error or {})["detail"]


def test_fsdp_clips_by_value_only() -> None:
    module = SimpleNamespace(automatic_optimization=True)
    trainer: Any = SimpleNamespace(
        precision_plugin=FSDPPrecision("32-true"),
        optimizers=[],
        lightning_module=module,
        gradient_clip_algorithm=None,
    )
    assert "FSDP" in (why_not("gradient_clip_val", 1.0, trainer) or "")
    trainer.gradient_clip_algorithm = "value"
    assert why_not("gradient_clip_val", 1.0, trainer) is None


def one_cycle() -> TinyModel:
    def configure(parameters: Any) -> Any:
        optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
        scheduler = schedules.OneCycleLR(optimizer, 0.1, total_steps=24)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    return TinyModel(configure)


def test_training_is_not_made_longer_than_a_schedule_that_raises_at_its_end() -> None:
    control = TrainerOverride()
    asks = [
        asked(0, 1, max_epochs=4),
        asked(0, 2, max_epochs=-1),
        asked(0, 3, accumulate_grad_batches=2, max_epochs=5),
        asked(1, 1, accumulate_grad_batches=1),
        asked(1, 2, max_epochs=-1, max_steps=24),
    ]
    ask = Ask(control, *asks)
    assert fit([ask, control], model=one_cycle).global_step == 24
    statuses = [ask.receipt(number).status for number in range(5)]
    assert statuses == ["failed", "failed", "applied", "failed", "applied"]
    assert (ask.receipt(0).error or {})["detail"] == (
        "OneCycleLR raises when its cycle is over: it can be stepped 22 more times, and this training would "
        "step it 30 more times"
    )


def test_an_accumulation_that_waits_for_its_epoch_counts_for_what_is_asked_meanwhile() -> None:
    """Twelve steps at two batches each; from the second epoch on one batch each: 4 + 16 of 24 steps."""
    control = TrainerOverride()
    first, too_long, right = {"accumulate_grad_batches": 1}, {"max_epochs": 4}, {"max_epochs": 3}
    ask = Ask(control, asked(0, 1, **first), asked(0, 3, **too_long), asked(0, 5, **right))
    assert fit([ask, control], model=one_cycle, accumulate_grad_batches=2).global_step == 20
    assert [ask.receipt(number).status for number in range(3)] == ["applied", "failed", "applied"]


class ClipsItself(TinyModel):
    """Clips at a value of its own, which Lightning refuses beside another one of the trainer."""

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=0.5, gradient_clip_algorithm="norm")


@pytest.mark.parametrize("value", [0.1, 0])
def test_a_module_that_clips_as_it_decides_is_not_given_a_value_that_ends_the_training(value: float) -> None:
    override = TrainerOverride()
    ask = Ask(override, (1, 3, patch({"trainer": {"gradient_clip_val": value}})))
    trainer = fit([ask, override], model=ClipsItself)
    assert "ClipsItself.configure_gradient_clipping clips" in (ask.receipt().error or {})["detail"]
    assert trainer.global_step == 24
