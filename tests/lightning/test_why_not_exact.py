"""What keeps a checkpoint from being exact is said, and is true."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, IterableDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from freak_lightning.checkpoint.exact_resume import why_not_exact
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    Rows,
    SaveAt,
    TinyModel,
    fit,
    plain_loader,
    resumable_loader,
    same,
    sgd,
    shuffled,
    weights,
)

pytestmark = KNOWN_WARNINGS

REPLAYS = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before")
BATCHES = 8


def plateau(interval: str) -> Callable[[Sequence[torch.nn.Parameter]], Any]:
    """Return a ``configure_optimizers`` whose scheduler acts every time it is asked."""

    def configure(parameters: Sequence[torch.nn.Parameter]) -> Any:
        optimizer = sgd(parameters)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.9, patience=0)
        config = {"scheduler": scheduler, "interval": interval, "monitor": "loss"}
        return {"optimizer": optimizer, "lr_scheduler": config}

    return configure


class Endless(IterableDataset[torch.Tensor]):
    """Rows one after the other, of unknown number."""

    def __init__(self) -> None:
        self.position = 0

    def __iter__(self) -> Any:
        rows = Rows(16)
        while self.position < len(rows):
            self.position += 1
            yield rows[self.position - 1]
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]


def seeded() -> StatefulDataLoader:
    """Return a loader that draws its own seeds from the generator of the shuffling."""
    return StatefulDataLoader(
        Rows(16), batch_size=2, shuffle=True, generator=torch.Generator().manual_seed(3)
    )


def of_unknown_length() -> StatefulDataLoader:
    """Return a loader from which Lightning fetches one batch ahead."""
    return StatefulDataLoader(Endless(), batch_size=2)


def with_workers() -> StatefulDataLoader:
    """Return a loader whose worker asks for its first batches before Lightning has told the epoch."""
    loader = resumable_loader()
    return StatefulDataLoader(loader.dataset, batch_size=2, sampler=loader.sampler, num_workers=1)


def shuffled_plainly() -> DataLoader[Any]:
    """Return what most scripts use."""
    return plain_loader(shuffle=True)


HONEST: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "plain loader in the epoch": ({}, {"loader": plain_loader}, "does not save its position in the epoch"),
    "plain shuffle at its end": (
        {"batch": 7},
        {"loader": shuffled_plainly},
        "shuffles in an order that a resume does not repeat",
    ),
    "shuffle after the epoch": (
        {"batch": 0, "hook": "on_train_epoch_end"},
        {"loader": shuffled},
        "shuffles in an order that a resume does not repeat",
    ),
    "generator used twice": ({}, {"loader": seeded}, "shuffles in an order that a resume does not repeat"),
    "workers in the epoch": ({}, {"loader": with_workers}, "workers of StatefulDataLoader draw the order"),
    "workers at its end": (
        {"batch": 7},
        {"loader": with_workers, "limit_val_batches": 0},
        "workers of StatefulDataLoader draw the order",
    ),
    "unknown length": ({}, {"loader": of_unknown_length}, "has no length"),
    "within an accumulation": (
        {"hook": "on_train_batch_end"},
        {"accumulate_grad_batches": 3},
        "gradients accumulated since the last optimizer step",
    ),
    "plateau by epoch": ({}, {"configure": plateau("epoch")}, "ReduceLROnPlateau"),
    "plateau by step": ({}, {"configure": plateau("step")}, "ReduceLROnPlateau"),
    "epoch end with max_steps": (
        {"hook": "on_train_epoch_end"},
        {"max_epochs": -1, "max_steps": 24},
        "counts this epoch twice",
    ),
}


@REPLAYS
@pytest.mark.parametrize("case", HONEST)
def test_what_cannot_be_exact_is_said_and_true(tmp_path: Path, case: str) -> None:
    """One reason, and the resumed weights do differ: a warning about nothing would be ignored soon."""
    where, settings, reason = HONEST[case]
    settings = {"max_epochs": 3, **settings}
    loader = settings.pop("loader", resumable_loader)
    configure = settings.pop("configure", sgd)

    def run(*callbacks: Callback, resume: Path | None = None) -> Trainer:
        return fit(callbacks, model=lambda: TinyModel(configure), loader=loader, resume=resume, **settings)

    save = SaveAt(tmp_path / "now.ckpt", **{"epoch": 1, "batch": 3, **where})
    run(save)
    assert len(save.reasons) == 1
    assert reason in save.reasons[0]
    assert not same(weights(run(resume=save.path)), weights(run()))


def test_a_validation_that_resuming_leaves_out_is_a_reason(tmp_path: Path) -> None:
    """Saved before the validation of epoch 1, of three: two are to come, the resumed run does one."""
    save = SaveAt(tmp_path / "now.ckpt", epoch=1, batch=BATCHES - 1, hook="on_train_batch_end")
    fit([save])
    assert save.reasons == [
        "the resumed run skips the validation that is due after this batch; save after the validation"
    ]
    assert fit(resume=save.path).lightning_module.validations == 1


class Late(Callback):
    """Has a state that each batch changes."""

    def __init__(self) -> None:
        self.batches = 0

    def on_train_batch_end(self, *_: Any) -> None:
        self.batches += 1

    def state_dict(self) -> dict[str, int]:
        return {"batches": self.batches}


class Averaging(TinyModel):
    """Keeps an average of its weights in the place where most people do."""

    def on_train_batch_end(self, *_: Any) -> None:
        self.average = weights(self.trainer)


def test_what_runs_after_our_callbacks_is_named(tmp_path: Path) -> None:
    """Its state is one batch old, and Lightning does not call it after resuming."""
    late = (
        "Late is listed after Freak's callbacks, so what Late.on_train_batch_end does at this batch is not "
        "saved; list it before them"
    )
    module = (
        "Averaging.on_train_batch_end runs after the checkpoint is saved, and not after a resume; move it "
        "into a callback listed before Freak's, or set resumes_exactly = True on the class if it changes "
        "nothing that the weights depend on"
    )
    save = SaveAt(tmp_path / "1.ckpt", epoch=0, batch=3)
    fit([save, Late()], model=Averaging, max_epochs=1)
    assert save.reasons == [late, module]
    save = SaveAt(tmp_path / "2.ckpt", epoch=0, batch=3)
    fit([Late(), save, EarlyStopping("val_loss", patience=9)], max_epochs=1)
    assert save.reasons == []
    save = SaveAt(tmp_path / "3.ckpt", epoch=0, batch=BATCHES - 1)
    fit([save, EarlyStopping("val_loss", patience=9, check_on_train_epoch_end=False)], max_epochs=1)
    assert [reason.split()[0] for reason in save.reasons] == ["EarlyStopping"]


def test_model_checkpoint_which_only_writes_files_is_no_reason(tmp_path: Path) -> None:
    """Lightning always puts it last, so it would be named in every run."""
    save = SaveAt(tmp_path / "now.ckpt", epoch=0, batch=3)
    fit([save, ModelCheckpoint(tmp_path, every_n_train_steps=1)], max_epochs=1, enable_checkpointing=True)
    assert save.reasons == []


def test_random_numbers_are_a_reason_unless_the_caller_saves_them() -> None:
    """Lightning does not save them."""
    reasons = []

    class Ask(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            reasons.append(why_not_exact(trainer))

    fit([Ask()], max_epochs=1, limit_val_batches=0)
    assert [[reason.partition(",")[0] for reason in batch] for batch in reasons] == [
        ["the random number generators are not saved"]
    ] * 8


def test_stepping_by_hand_is_a_reason() -> None:
    """Lightning cannot see an accumulation that training_step does itself."""
    reasons = []

    class ByHand(TinyModel):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
            self.manual_backward(self.net(batch).mean())

    class Ask(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            reasons.extend(why_not_exact(trainer, rng_saved=True))

    fit([Ask()], model=ByHand, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    assert [reason.partition(":")[0] for reason in reasons] == ["manual optimization"]
