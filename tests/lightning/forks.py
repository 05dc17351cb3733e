"""Two ranks as forks of the test's own process: they start at once, and each writes what it saw to a file."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, plain_loader, resumable_loader, tiny_trainer

ON_FORKS = [
    *KNOWN_WARNINGS,
    pytest.mark.ranks,
    pytest.mark.timeout(90),
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("ignore:It is recommended to use .self.log"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]
"""Marks of a module whose tests train on forks. A test that hangs ends after 90 seconds."""


class Steps(Callback):
    """Writes after every step how many this rank has done."""

    def __init__(self, out: Path, step_seconds: float = 0.0) -> None:
        self.out, self.step_seconds = out, step_seconds

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        (self.out / f"steps-{trainer.global_rank}").write_text(str(trainer.global_step))
        time.sleep(self.step_seconds)


class Journal(Callback):
    """Writes the receipts of rank zero to a file as training ends."""

    def __init__(self, out: Path, control: Any) -> None:
        self.out, self.control = out, control

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self.control.session is not None:
            receipts = self.control.session.store.receipts.since(0)
            told = [receipt.model_dump(mode="json") for receipt in receipts]
            (self.out / "receipts.json").write_text(json.dumps(told))


def fit_on_forks(
    out: Path,
    callbacks: list[Callback],
    *,
    batches: int = 8,
    model: LightningModule | None = None,
    **settings: Any,
) -> Trainer:
    """Train on two forks; a hang is ended by the test's own deadline."""
    os.environ["OMP_NUM_THREADS"] = "1"
    given = {"devices": 2, "strategy": "ddp_fork", "use_distributed_sampler": False, **settings}
    controls = [each for each in callbacks if hasattr(each, "session")]
    trainer = tiny_trainer([*callbacks, Journal(out, controls[0]), Steps(out)], **given)
    trainer.fit(model or TinyModel(), resumable_loader(batches), plain_loader(2))
    return trainer


def steps(out: Path) -> list[int]:
    """Return how many steps each rank has done."""
    return [int(path.read_text()) for path in sorted(out.glob("steps-*"))]


def receipts(out: Path) -> list[dict[str, Any]]:
    """Return what rank zero has written about requests."""
    told: list[dict[str, Any]] = json.loads((out / "receipts.json").read_text())
    return told
