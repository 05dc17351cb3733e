"""A model that learns in milliseconds, loaders that can resume, and the trainer the tests fit them with."""

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, __version__, seed_everything
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchdata.stateful_dataloader import StatefulDataLoader
from torchdata.stateful_dataloader.sampler import StatefulDistributedSampler

from freak_lightning.checkpoint.contents import exact_checkpoint
from freak_lightning.checkpoint.exact_resume import why_not_exact
from freak_lightning.lightning_api.loops import is_optimizer_boundary, validation_due

torch.set_num_threads(1)

KNOWN_WARNINGS = [
    # Lightning 2.6 on torch 2.13 asks pytrees in the old way; torchdata 0.11 marks itself in torch's vitals.
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
    # One worker process more would cost each fit more than it takes.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]
"""Marks that silence what Lightning and torchdata say in every fit: ``pytestmark = KNOWN_WARNINGS``."""

NEEDS_2_6 = pytest.mark.skipif(__version__ < "2.6", reason="Lightning has this from 2.6 on")
"""Marks what an older Lightning cannot do, whatever we do."""

Configure = Callable[[Sequence[torch.nn.Parameter]], Any]
"""From the model's parameters to whatever ``configure_optimizers`` may return."""


def sgd(parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """SGD with momentum, so that a step lost or done twice shows in every later weight."""
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


class Rows(Dataset[Tensor]):
    """``count`` rows of shape (4,), the same in every process; every row differs, so order matters."""

    def __init__(self, count: int) -> None:
        self.rows = torch.randn(count, 4, generator=torch.Generator().manual_seed(7))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return self.rows[index]


class TinyModel(LightningModule):
    """4 → 3 → 1 network; logs ``loss`` and ``val_loss`` and counts the batches it was trained on."""

    def __init__(self, configure: Configure = sgd, dropout: float = 0.0) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Dropout(dropout), torch.nn.Linear(3, 1)
        )
        self.configure = configure
        self.batches = 0
        self.validations = 0

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.batches += 1
        loss = (self.net(batch) - batch.sum(1, keepdim=True)).square().mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val_loss", self.net(batch).square().mean())

    def on_validation_epoch_end(self) -> None:
        self.validations += not self.trainer.sanity_checking

    def configure_optimizers(self) -> Any:
        return self.configure(list(self.parameters()))


def resumable_loader(batches: int = 8, batch_size: int = 2) -> StatefulDataLoader:
    """Return a loader whose order follows from the epoch, and which knows where in the epoch it is."""
    rows = Rows(batches * batch_size)
    sampler = StatefulDistributedSampler(rows, num_replicas=1, rank=0, shuffle=True)
    return StatefulDataLoader(rows, batch_size=batch_size, sampler=sampler)


def shuffled() -> StatefulDataLoader:
    """Return torchdata's own shuffling, whose generator is part of the loader's state."""
    return StatefulDataLoader(Rows(16), batch_size=2, shuffle=True)


def plain_loader(batches: int = 8, batch_size: int = 2, shuffle: bool = False) -> DataLoader[Tensor]:
    """Return a loader that cannot say where in the epoch it is."""
    return DataLoader(Rows(batches * batch_size), batch_size=batch_size, shuffle=shuffle)


def tiny_trainer(callbacks: Sequence[Callback] = (), **settings: Any) -> Trainer:
    """Return a silent single-process CPU trainer that writes nothing of its own."""
    quiet: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "max_epochs": 3,
        "limit_val_batches": 2,
    }
    return Trainer(callbacks=list(callbacks), **{**quiet, **settings})


def fit(
    callbacks: Sequence[Callback] = (),
    *,
    model: Callable[[], LightningModule] = TinyModel,
    loader: Callable[[], Iterable[Any]] = resumable_loader,
    resume: Path | None = None,
    **settings: Any,
) -> Trainer:
    """Fit a fresh model on a fresh loader, both made from the same seed every time; return their trainer."""
    seed_everything(1, verbose=False)
    trainer = tiny_trainer(callbacks, **settings)
    trainer.fit(model(), train_dataloaders=loader(), val_dataloaders=plain_loader(2), ckpt_path=resume)
    return trainer


class Reference(NamedTuple):
    """What a fit that nobody steered ended with."""

    global_step: int
    weights: dict[str, Tensor]


@functools.cache
def reference(
    model: Callable[[], LightningModule] = TinyModel,
    loader: Callable[[], Iterable[Any]] = resumable_loader,
    **settings: Any,
) -> Reference:
    """Fit without any callback; the same configuration is fitted once only."""
    trainer = fit(model=model, loader=loader, **settings)
    return Reference(trainer.global_step, weights(trainer))


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """Return copies of the weights of the trainer's model, by name."""
    return {name: value.detach().clone() for name, value in trainer.lightning_module.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Whether both hold the same weights, bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class SaveAt(Callback):
    """Saves at the first exact point at or after one batch, as our callbacks do, and may stop there."""

    def __init__(
        self, path: Path, epoch: int, batch: int, *, stop: bool = False, hook: str = "exact"
    ) -> None:
        self.path, self.epoch, self.batch, self.stop, self.hook = path, epoch, batch, stop, hook
        self.saved_in = ""
        self.reasons: list[str] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self.hook == "exact" and is_optimizer_boundary(trainer) and not validation_due(trainer):
            self._save(trainer, "on_train_batch_end")
        elif self.hook == "on_train_batch_end":
            self._save(trainer, self.hook)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.hook == "exact" and is_optimizer_boundary(trainer):
            self._save(trainer, "on_validation_end")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.hook == "on_train_epoch_end":
            self._save(trainer, self.hook)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.hook == "on_train_start":
            self._save(trainer, self.hook)

    def _save(self, trainer: Trainer, hook: str) -> None:
        here = (trainer.current_epoch, trainer.fit_loop.batch_idx)
        if self.saved_in or here < (self.epoch, self.batch):
            return
        self.saved_in = hook
        self.reasons = why_not_exact(trainer, [self], rng_saved=True)
        trainer.strategy.save_checkpoint(exact_checkpoint(trainer), self.path)
        if self.stop:
            trainer.should_stop = True
