"""A run resumed from an exact point ends with the very weights of the run that was never interrupted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader, DistributedSampler
from torchdata.stateful_dataloader import StatefulDataLoader

from freak_lightning.checkpoint.contents import exact_checkpoint
from freak_lightning.lightning_api.loaders import restore_loader_position
from freak_lightning.lightning_api.loops import validation_due
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    NEEDS_2_6,
    Rows,
    SaveAt,
    TinyModel,
    fit,
    plain_loader,
    reference,
    resumable_loader,
    same,
    sgd,
    shuffled,
    weights,
)
from tests.pairs import diagonal, grid

pytestmark = KNOWN_WARNINGS

BATCHES = 8


def assert_resumes_exactly(
    save: SaveAt, loader: Callable[[], Any] = resumable_loader, **settings: Any
) -> None:
    """Fit once in one go, once up to the saved point, once from there on; compare the weights."""
    untouched = reference(loader=loader, **settings)
    saving = fit([save], loader=loader, **settings)
    assert save.saved_in
    assert save.stop or same(weights(saving), untouched.weights), "saving has changed the run"
    resumed = fit(loader=loader, resume=save.path, **settings)
    assert resumed.global_step == untouched.global_step
    assert same(weights(resumed), untouched.weights)


def seen(trainer: Trainer) -> tuple[int, int]:
    """Return how many batches and validations this fit has seen."""
    return trainer.lightning_module.batches, trainer.lightning_module.validations


CADENCES: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulate": {"accumulate_grad_batches": 3},
    "validate-twice": {"val_check_interval": 0.5},
    "validate-and-accumulate": {"val_check_interval": 2, "accumulate_grad_batches": 3},
    "validate-across-epochs": {"val_check_interval": 3, "check_val_every_n_epoch": None},
    "validate-every-other-epoch": {"check_val_every_n_epoch": 2},
    "never-validate": {"limit_val_batches": 0},
    "max-steps": {"max_epochs": -1, "max_steps": 19},
}


FEW = dict.fromkeys([*diagonal(list(CADENCES), range(BATCHES)), *((each, BATCHES - 1) for each in CADENCES)])


@pytest.mark.parametrize(("cadence", "batch"), grid(list(CADENCES), range(BATCHES), few=list(FEW)))
def test_every_batch_of_an_epoch_resumes_bit_for_bit(tmp_path: Path, cadence: str, batch: int) -> None:
    """Including the last one, where Lightning alone would skip the next epoch."""
    save = SaveAt(tmp_path / "now.ckpt", epoch=1, batch=batch)
    assert_resumes_exactly(save, **CADENCES[cadence])
    assert save.reasons == []


def ordered() -> StatefulDataLoader:
    """Return a stateful loader without shuffling."""
    return StatefulDataLoader(Rows(16), batch_size=2)


def by_epoch() -> DataLoader[Any]:
    """Return what Lightning makes of a plain loader under DDP."""
    rows = Rows(16)
    return DataLoader(rows, batch_size=2, sampler=DistributedSampler(rows, num_replicas=1, rank=0))


@pytest.mark.parametrize(
    ("loader", "validation", "limit"),
    grid([shuffled, ordered, resumable_loader, by_epoch, plain_loader], [0, 2], [1.0, 5]),
)
def test_the_end_of_an_epoch_is_exact_with_any_loader_of_known_order(
    tmp_path: Path, loader: Callable[[], Any], validation: int, limit: float
) -> None:
    """In on_train_batch_end and on_validation_end alike, whether or not batches were left over."""
    last = BATCHES - 1 if limit == 1.0 else 4
    save = SaveAt(tmp_path / "now.ckpt", epoch=1, batch=last)
    assert_resumes_exactly(save, loader, limit_val_batches=validation, limit_train_batches=limit)
    assert save.saved_in == ("on_validation_end" if validation else "on_train_batch_end")
    assert save.reasons == []


def test_without_finishing_the_loader_an_epoch_would_be_lost(tmp_path: Path) -> None:
    """What Lightning and torchdata do alone; when this fails, ``store_loaders_as_finished`` can go."""

    class Plainly(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if trainer.fit_loop.batch_idx == BATCHES - 1 and trainer.current_epoch == 0:
                trainer.save_checkpoint(tmp_path / "plain.ckpt")

    fit([Plainly()], limit_val_batches=0)
    resumed = fit(resume=tmp_path / "plain.ckpt", limit_val_batches=0)
    assert resumed.global_step == 2 * BATCHES  # of the two epochs left one has trained nothing
    assert resumed.current_epoch == 3


@pytest.mark.parametrize("batch", [3, BATCHES - 1], ids=["middle", "last"])
@pytest.mark.parametrize("cadence", ["plain", "validate-twice", "never-validate", "max-steps"])
def test_stopping_right_after_saving_loses_no_batch(tmp_path: Path, cadence: str, batch: int) -> None:
    """The checkpoint is older than the stop: its epoch is the unfinished one."""
    save = SaveAt(tmp_path / "stop.ckpt", epoch=1, batch=batch, stop=True)
    assert_resumes_exactly(save, **CADENCES[cadence])


def test_a_stop_validates_once_more_and_the_resumed_run_does_not_miss_any(tmp_path: Path) -> None:
    """should_stop in the middle of an epoch: Lightning validates before it leaves."""
    save = SaveAt(tmp_path / "stop.ckpt", epoch=1, batch=3, stop=True)
    assert seen(fit([save])) == (12, 2)
    assert seen(fit(resume=save.path)) == (12, 2)


@NEEDS_2_6
def test_a_stop_does_not_outlive_its_fit(tmp_path: Path) -> None:
    """A stopped trainer can be fitted again: Lightning clears the flag."""
    trainer = fit([SaveAt(tmp_path / "stop.ckpt", epoch=0, batch=3, stop=True)], limit_val_batches=0)
    assert trainer.should_stop
    trainer.fit(trainer.lightning_module, resumable_loader(), plain_loader())
    assert trainer.global_step == 4 + 2 * BATCHES
    assert not trainer.should_stop


def test_a_checkpoint_of_the_very_last_batch_resumes_to_nothing(tmp_path: Path) -> None:
    """There is no batch left to train, and that is no error; fewer epochs than were done is one."""
    save = SaveAt(tmp_path / "end.ckpt", epoch=2, batch=BATCHES - 1)
    assert_resumes_exactly(save)
    assert seen(fit(resume=save.path)) == (0, 0)
    more = fit(resume=save.path, max_epochs=4)
    assert same(weights(more), reference(max_epochs=4).weights)
    with pytest.raises(MisconfigurationException, match="current_epoch=2"):
        fit(resume=save.path, max_epochs=1)


def test_a_fresh_run_can_be_saved_before_its_first_batch(tmp_path: Path) -> None:
    """on_train_start of a run that was not resumed."""
    save = SaveAt(tmp_path / "start.ckpt", epoch=0, batch=-1, hook="on_train_start")
    assert_resumes_exactly(save)
    assert save.reasons == []


def test_a_resumed_run_says_that_it_cannot_be_saved_before_its_first_batch(tmp_path: Path) -> None:
    """The loader has been restored, but until it gives a batch it reports the start of the epoch."""
    fit([save := SaveAt(tmp_path / "first.ckpt", epoch=1, batch=3)])
    again = SaveAt(tmp_path / "again.ckpt", epoch=0, batch=-1, hook="on_train_start")
    fit([again], resume=save.path)
    assert again.reasons == [
        "StatefulDataLoader reports the start of the epoch until this resumed run has trained a batch; "
        "save after the next batch"
    ]
    assert not same(weights(fit(resume=again.path)), reference().weights)


class OverAllSteps(TinyModel):
    """Asks Lightning for the number of steps, which makes the loaders before a checkpoint is restored."""

    def configure_optimizers(self) -> Any:
        optimizer = sgd(list(self.parameters()))
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class RestorePosition(Callback):
    """What our callbacks do as training starts."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.restored = restore_loader_position(trainer)


LOADERS = [resumable_loader, shuffled]


@pytest.mark.parametrize(
    ("batch", "loader"), grid(range(BATCHES), LOADERS, few=diagonal(range(BATCHES), LOADERS))
)
def test_a_loader_made_before_the_checkpoint_was_read_is_put_in_its_place(
    tmp_path: Path, batch: int, loader: Callable[[], Any]
) -> None:
    """estimated_stepping_batches in configure_optimizers: Lightning alone drops the stored position."""
    save = SaveAt(tmp_path / "now.ckpt", epoch=1, batch=batch)
    fit([save], model=OverAllSteps, loader=loader)
    untouched = reference(model=OverAllSteps, loader=loader).weights
    dropped = fit(model=OverAllSteps, loader=loader, resume=save.path)
    assert batch == BATCHES - 1 or not same(weights(dropped), untouched)
    restore = RestorePosition()
    resumed = fit([restore], model=OverAllSteps, loader=loader, resume=save.path)
    assert restore.restored
    assert same(weights(resumed), untouched)


def test_a_loader_in_its_place_is_left_alone(tmp_path: Path) -> None:
    """Fresh runs, and resumed ones whose position Lightning has restored."""
    fit([save := SaveAt(tmp_path / "now.ckpt", epoch=1, batch=3), restore := RestorePosition()])
    assert not restore.restored
    resumed = fit([restore], resume=save.path)
    assert not restore.restored
    assert same(weights(resumed), reference().weights)


def test_saving_in_on_train_epoch_end_is_exact_with_an_order_that_follows_from_the_epoch(
    tmp_path: Path,
) -> None:
    """All of the epoch is over but for plateau schedulers and the logging of means."""
    save = SaveAt(tmp_path / "epoch.ckpt", epoch=1, batch=0, hook="on_train_epoch_end")
    assert_resumes_exactly(save)
    assert save.reasons == []


def test_weights_alone_can_be_saved(tmp_path: Path) -> None:
    class Save(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            weights = exact_checkpoint(trainer, weights_only=True)
            trainer.strategy.save_checkpoint(weights, tmp_path / "new" / "weights.ckpt")

    fit([Save()], max_epochs=1, limit_train_batches=1)
    stored = torch.load(tmp_path / "new" / "weights.ckpt", weights_only=True)
    assert "state_dict" in stored
    assert "optimizer_states" not in stored


@NEEDS_2_6
@pytest.mark.parametrize("wanted", [False, True])
def test_a_validation_by_the_clock_is_never_called_due(wanted: bool) -> None:
    """Ranks have clocks of their own; a stop is the same on all."""
    answers = []

    class Ask(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            trainer.should_stop = wanted
            answers.append(validation_due(trainer))

    fit([Ask()], max_epochs=1, val_check_interval="00:00:00:00", limit_train_batches=1)
    assert answers == [wanted]


def test_validation_is_due_before_it_runs_and_not_while_it_runs(tmp_path: Path) -> None:
    """On batches 3 and 7 of eight with val_check_interval=0.5."""
    before, during = [], []

    class Ask(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            before.append(validation_due(trainer))

        def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            during.append(validation_due(trainer))

    fit([Ask()], max_epochs=1, val_check_interval=0.5)
    assert before == [False, False, False, True] * 2
    assert during == [False, False]
