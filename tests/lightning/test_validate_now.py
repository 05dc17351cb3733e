"""A validation asked for runs exactly once, and the training never knows."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from freak_core import Write
from freak_lightning import CheckpointNow, ValidateNow
from tests.lightning.asking import Ask, checkpoint
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    NEEDS_2_6,
    TinyModel,
    fit,
    plain_loader,
    resumable_loader,
    same,
    tiny_trainer,
    weights,
)

pytestmark = [*KNOWN_WARNINGS, pytest.mark.every_lightning, pytest.mark.usefixtures("home")]

VALIDATE = Write("action", name="validate", body={})
MODEL = partial(TinyModel, dropout=0.5)  # draws random numbers in every step


class Validations(Callback):
    """Notes after how many steps a validation began."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.steps.append(trainer.global_step)


MODES: dict[str, dict[str, Any]] = {
    "every-epoch": {},
    "half-an-epoch": {"val_check_interval": 0.5},
    "every-3-batches": {"val_check_interval": 3},
    "every-2-epochs": {"check_val_every_n_epoch": 2},
    "every-4-batches-of-all": {"val_check_interval": 4, "check_val_every_n_epoch": None},
    "every-hour": {"val_check_interval": timedelta(hours=1)},
    "accumulating": {"accumulate_grad_batches": 2},
}


@pytest.mark.parametrize(
    "mode", [pytest.param(m, marks=NEEDS_2_6) if m == "every-hour" else m for m in MODES]
)
def test_there_is_one_more_validation_and_nothing_else_changes(mode: str) -> None:
    settings = MODES[mode]
    control, asked, untouched = ValidateNow(), Validations(), Validations()
    ask = Ask(control, (1, 1, VALIDATE))
    steered = fit([ask, control, asked], model=MODEL, **settings)
    plain = fit([untouched], model=MODEL, **settings)
    receipt = ask.receipt()
    step = 5 if mode == "accumulating" else 10
    assert receipt.status == "applied", receipt
    assert receipt.result["step"] == step
    assert receipt.result["extra"] is True
    assert receipt.result["metrics"].keys() == {"val_loss"}
    assert sorted([*untouched.steps, step]) == asked.steps
    assert same(weights(steered), weights(plain))
    assert steered.val_check_batch == plain.val_check_batch
    assert steered.check_val_every_n_epoch == plain.check_val_every_n_epoch
    if mode == "every-hour":
        assert steered._last_val_time == steered._train_start_time  # type: ignore[attr-defined]


def test_the_last_batch_of_an_epoch_without_validation_is_as_good_as_any() -> None:
    control, asked, untouched = ValidateNow(), Validations(), Validations()
    ask = Ask(control, (0, 7, VALIDATE))
    steered = fit([ask, control, asked], model=MODEL, check_val_every_n_epoch=2)
    plain = fit([untouched], model=MODEL, check_val_every_n_epoch=2)
    assert (untouched.steps, asked.steps) == ([16], [8, 16])
    assert ask.receipt().result["extra"] is True
    assert same(weights(steered), weights(plain))
    assert (steered.val_check_batch, steered.check_val_every_n_epoch) == (plain.val_check_batch, 2)


class TwoLoaders(TinyModel):
    """Validates on two loaders and counts the batches of each."""

    def validation_step(self, batch: Tensor, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.seen = [*getattr(self, "seen", []), dataloader_idx]
        super().validation_step(batch, batch_idx)


def test_all_validation_loaders_are_used_once() -> None:
    control = ValidateNow()
    ask = Ask(control, (0, 4, VALIDATE))
    model = TwoLoaders()
    trainer = tiny_trainer([ask, control], max_epochs=1, check_val_every_n_epoch=2)
    trainer.fit(model, resumable_loader(), [plain_loader(2), plain_loader(1)])
    assert model.seen == [0, 0, 1]
    assert ask.receipt().result["metrics"].keys() == {
        "val_loss/dataloader_idx_0",
        "val_loss/dataloader_idx_1",
    }
    assert trainer.check_val_every_n_epoch == 2


def test_where_a_validation_is_due_anyway_there_is_no_other_one() -> None:
    control, seen = ValidateNow(), Validations()
    ask = Ask(control, (0, 2, VALIDATE))
    trainer = fit([ask, control, seen], val_check_interval=3, max_epochs=1)
    assert seen.steps == [3, 6]
    assert ask.receipt().result["extra"] is False
    assert ask.receipt().result["step"] == 3
    assert trainer.global_step == 8


def test_requests_at_one_step_share_a_validation_and_later_ones_get_their_own() -> None:
    control, seen = ValidateNow(), Validations()
    ask = Ask(control, (0, 1, VALIDATE), (0, 1, VALIDATE), (0, 4, VALIDATE))
    fit([ask, control, seen], max_epochs=1)
    assert seen.steps == [2, 5, 8]
    assert ask.receipt(0).result == ask.receipt(1).result
    assert ask.receipt(2).result["step"] == 5


def test_a_checkpoint_of_the_same_step_resumes_exactly(tmp_path: Path) -> None:
    control, saver = ValidateNow(), CheckpointNow(tmp_path)
    ask = Ask(control, (1, 1, checkpoint(name="same")), (1, 1, VALIDATE))
    whole = fit([ask, control, saver], model=MODEL)
    assert ask.receipt(0).result["exact"] is True
    resumed = fit([ValidateNow(), CheckpointNow(tmp_path)], model=MODEL, resume=tmp_path / "same.ckpt")
    assert resumed.global_step == whole.global_step
    assert same(weights(resumed), weights(whole))


def refusal(**settings: Any) -> str:
    control = ValidateNow()
    ask = Ask(control, (0, 1, VALIDATE))
    trainer = fit([ask, control], max_epochs=1, **settings)
    assert trainer.global_step == 8
    assert ask.receipt().status == "failed"
    return str((ask.receipt().error or {})["detail"])


def test_with_validation_switched_off_it_is_refused_with_the_reason() -> None:
    assert refusal(limit_val_batches=0) == "limit_val_batches is 0: validation is switched off"


@pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`")
def test_without_a_validation_loader_it_is_refused_with_the_reason() -> None:
    control = ValidateNow()
    ask = Ask(control, (0, 1, VALIDATE))
    tiny_trainer([ask, control], max_epochs=1).fit(TinyModel(), resumable_loader())
    assert "no validation loader" in (ask.receipt().error or {})["detail"]
