"""A stop saves first, ends where it was asked to, and resumes as if it had not been."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from freak_core import Receipt, Write
from freak_lightning import ControlCallback
from tests.lightning.asking import Ask, asking, patch
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

MODEL = partial(TinyModel, dropout=0.5)


def stop(**section: Any) -> Any:
    return patch({"stop": {"should_stop": True, **section}})


def told(ask: Ask) -> Receipt:
    """Return what the run said of the stop itself."""
    return next(receipt for receipt in ask.receipts if receipt.name == "stop")


@pytest.mark.parametrize(
    ("settings", "batch"),
    [({}, 3), ({}, 7), ({"accumulate_grad_batches": 3}, 3), ({"val_check_interval": 0.5}, 3)],
)
def test_a_stop_in_mid_epoch_resumed_gives_every_batch(
    settings: dict[str, Any], batch: int, tmp_path: Path
) -> None:
    ask, callbacks = asking(tmp_path, (1, batch, stop(reason="enough")))
    stopped = fit(callbacks, model=MODEL, **settings)
    untouched = fit(model=MODEL, **settings)
    assert stopped.global_step < untouched.global_step
    receipt = told(ask)
    assert receipt.result["checkpoint"]["exact"] is True
    assert receipt.result["reason"] == "enough"
    _, ours = asking(tmp_path)
    resumed = fit(ours, model=MODEL, resume=Path(receipt.result["checkpoint"]["path"]), **settings)
    assert resumed.global_step == untouched.global_step
    seen = stopped.lightning_module.batches + resumed.lightning_module.batches
    assert seen == untouched.lightning_module.batches == 24
    assert same(weights(resumed), weights(untouched))


@pytest.mark.parametrize(("after", "steps"), [("batch", 4), ("epoch", 8), ("validation", 6)])
def test_a_stop_ends_after_what_it_was_told_to_finish(after: str, steps: int, tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop(after=after)))
    trainer = fit(callbacks, val_check_interval=3)
    assert trainer.global_step == steps
    assert told(ask).applied is not None
    assert told(ask).applied.step == steps  # type: ignore[union-attr]


def test_min_epochs_hold_a_stop_back_and_the_receipt_says_so(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop()))
    trainer = fit(callbacks, min_epochs=2)
    assert ask.receipt().result == {"stop": {"stops": "after this batch", "held_back_by": "min_epochs=2"}}
    assert trainer.global_step in (16, 17)


def test_force_overrides_min_epochs_and_leaves_them_as_they_were(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop(force=True)))
    trainer = fit(callbacks, min_epochs=2, min_steps=10)
    assert trainer.global_step == 4
    assert (trainer.fit_loop.min_epochs, trainer.fit_loop.min_steps) == (2, 10)
    assert "held_back_by" not in ask.receipt().result["stop"]


def test_a_stop_after_a_validation_that_never_comes_is_refused(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop(after="validation")))
    assert fit(callbacks, limit_val_batches=0).global_step == 24
    assert ask.receipt().status == "failed"
    assert ask.receipt().error is not None
    assert "no validation" in ask.receipt().error["detail"]  # type: ignore[index]


@NEEDS_2_6
def test_a_validation_by_the_clock_ends_a_stop_that_waits_for_it(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop(after="validation")))
    trainer = fit(callbacks, val_check_interval="00:00:00:00", check_val_every_n_epoch=None)
    assert trainer.global_step < 24
    assert told(ask).status == "applied"


def test_a_stop_can_be_cancelled(tmp_path: Path) -> None:
    cancel = patch({"stop": {"should_stop": False}})
    _, callbacks = asking(tmp_path, (0, 2, stop(after="epoch")), (0, 5, cancel))
    assert fit(callbacks).global_step == 24


def test_a_stop_is_never_revived_by_a_resume(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop()))
    fit(callbacks)
    _, again = asking(tmp_path)
    resumed = fit(again, resume=Path(told(ask).result["checkpoint"]["path"]))
    assert resumed.global_step == 24


def test_a_stop_that_cannot_save_goes_on_training(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    ask, callbacks = asking(blocked, (0, 3, stop()))
    trainer = fit(callbacks)
    assert trainer.global_step == 24
    receipt = told(ask)
    assert receipt.status == "failed"
    assert receipt.error is not None
    assert "training goes on" in receipt.error["detail"]


def test_a_stop_without_a_checkpoint_writes_none(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop(checkpoint=False)))
    assert fit(callbacks).global_step == 4
    assert "checkpoint" not in told(ask).result
    assert not list(tmp_path.glob("*.ckpt"))


def test_the_same_callbacks_serve_a_second_fit(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path, (0, 3, stop(checkpoint=False)))
    trainer = tiny_trainer(callbacks)
    trainer.fit(TinyModel(), resumable_loader(), plain_loader(2))
    assert trainer.global_step == 4
    assert len(trainer.callbacks) == len(callbacks)  # type: ignore[attr-defined]
    assert trainer.should_stop is False
    callbacks[0].asked = []  # type: ignore[attr-defined]
    again = tiny_trainer(callbacks)
    again.fit(TinyModel(), resumable_loader(), plain_loader(2))
    assert again.global_step == 24


class AtEpochEnd(Callback):
    """Submits requests at the end of the first epoch, before the control point there."""

    def __init__(self, control: ControlCallback, *writes: Write) -> None:
        self.control, self.writes = control, writes

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert self.control.session is not None
        for write in self.writes if trainer.current_epoch == 0 else ():
            self.control.session.store.submit(write)


@pytest.mark.parametrize(("batch", "steps"), [(3, 4), (7, 24)])
def test_a_stop_can_be_taken_back_until_it_has_cut_an_epoch_short(
    batch: int, steps: int, tmp_path: Path
) -> None:
    ask, callbacks = asking(tmp_path, (0, batch, stop()))
    cancel = AtEpochEnd(ask.control, patch({"stop": {"should_stop": False}}))
    assert fit([cancel, *callbacks]).global_step == steps
    cancelled = next(
        receipt
        for receipt in ask.receipts
        if receipt.asked == {"stop": {"should_stop": False}} or receipt.status == "failed"
    )
    assert cancelled.status == ("failed" if steps == 4 else "applied")
    assert len(list(tmp_path.glob("*.ckpt"))) == 1
    if cancelled.error is not None:
        assert "too late" in cancelled.error["detail"]


def test_what_is_said_of_a_stop_that_has_begun_does_not_begin_another(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 3, stop()))
    more = AtEpochEnd(ask.control, patch({"stop": {"reason": "as I said"}}))
    assert fit([more, *callbacks]).global_step == 4
    assert [receipt.name for receipt in ask.receipts].count("stop") == 1
    assert told(ask).result["checkpoint"]["exact"] is True


def test_a_request_that_fails_as_a_whole_leaves_the_stop_as_it_was_prepared(tmp_path: Path) -> None:
    prepared = patch({"stop": {"after": "epoch", "reason": "enough"}})
    failing = patch({"stop": {"should_stop": True}, "lr": {"groups": {"none": {"hold": 0.1}}}})
    ask, callbacks = asking(tmp_path, (0, 1, prepared), (0, 3, failing), (0, 5, stop()))
    assert fit(callbacks).global_step == 8
    assert ask.receipt(1).status == "failed"
    assert told(ask).result["reason"] == "enough"


def test_a_stop_that_is_taken_back_leaves_that_of_another_callback(tmp_path: Path) -> None:
    class Stops(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            trainer.should_stop = trainer.should_stop or trainer.global_step == 8

    ask, callbacks = asking(tmp_path, (0, 7, stop()))
    cancel = AtEpochEnd(ask.control, patch({"stop": {"should_stop": False}}))
    assert fit([Stops(), cancel, *callbacks]).global_step == 8
    assert [receipt.name for receipt in ask.receipts] == [None, "stop", None]


def test_a_stop_that_has_no_folder_to_save_to_is_refused_when_it_is_asked_for() -> None:
    ask, callbacks = asking(None, (0, 3, stop()), (0, 5, stop(checkpoint=False)))
    assert fit(callbacks, default_root_dir="memory://bucket").global_step == 6
    assert "no folder of this machine" in (ask.receipt(0).error or {})["detail"]
