"""The network: what the benchmarks train with Lightning."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

FEATURES, CLASSES = 64, 10


class Network(LightningModule):
    """Three linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = [nn.Linear(FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        self.net = nn.Sequential(*hidden, nn.Linear(width, CLASSES))

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        rows, labels = batch
        return functional.cross_entropy(self.net(rows), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1e-3, momentum=0.9)


class SameBatch(IterableDataset[Any]):
    """One batch over and over, so that no loading disturbs the figures."""

    def __init__(self, rows: int, batches: int) -> None:
        self._batch = (torch.randn(rows, FEATURES), torch.randint(CLASSES, (rows,)))
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        for _ in range(self._batches):
            yield self._batch


def quiet_trainer(callbacks: Sequence[Callback], *, ranks: int = 1, max_epochs: int = 1) -> Trainer:
    """Return a trainer that says and saves nothing, on one thread a rank."""
    torch.set_num_threads(1)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Trainer(
        callbacks=list(callbacks),
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        max_epochs=max_epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def fit(callbacks: Sequence[Callback], *, width: int, rows: int, batches: int, ranks: int = 1) -> None:
    """Train one epoch of ``batches`` batches."""
    trainer = quiet_trainer(callbacks, ranks=ranks)
    trainer.fit(Network(width), DataLoader(SameBatch(rows, batches), batch_size=None))
