"""A sweep of six fits in one program: two fail, one goes on until somebody stops it.

``python -m tests.browser.sweep``
"""

import math
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

from freak_core import Freak
from freak_lightning import remote_control

RATES = {"lr=0.3": 0.3, "lr=5": 5.0, "lr=0.1": 0.1, "lr=0.03": 0.03, "lr=8": 8.0, "lr=0.01": 0.01}
"""The learning rate of each fit, by the name of its run."""

FAILING = ("lr=5", "lr=8")
STOPPED = "lr=0.03"
"""The fit that goes on until it is stopped."""


class Regression(LightningModule):
    """Fits a line; with a learning rate above 1 it diverges, and says so by an error."""

    def __init__(self, lr: float, pause: float) -> None:
        super().__init__()
        self.lr = lr
        self.pause = pause
        self.line = torch.nn.Linear(8, 1)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        inputs, targets = batch
        loss = torch.nn.functional.mse_loss(self.line(inputs), targets)
        if not math.isfinite(loss.item()) or loss.item() > 1e6:
            raise ValueError(f"the loss is {loss.item():.3g} with a learning rate of {self.lr}")
        self.log("train/loss", loss)
        self.log("train/weight", self.line.weight.abs().mean())
        time.sleep(self.pause)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        inputs, targets = batch
        self.log("val/loss", torch.nn.functional.mse_loss(self.line(inputs), targets))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


def data(seed: int) -> DataLoader[Any]:
    """Return noisy points of a line."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(160, 8, generator=generator)
    targets = inputs @ torch.arange(1.0, 9.0)[:, None] + torch.randn(160, 1, generator=generator)
    return DataLoader(TensorDataset(inputs, targets), batch_size=8)


def fit(name: str, lr: float, epochs: int) -> None:
    """Run one fit of the sweep."""
    trainer = Trainer(
        callbacks=remote_control(freak=Freak(name=name)),
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Regression(lr, 0.02), data(1), data(2))


def main() -> None:
    """Run all fits, one after the other; a fit that fails does not end the sweep."""
    for name, lr in RATES.items():
        torch.manual_seed(7)
        try:
            fit(name, lr, epochs=10_000 if name == STOPPED else 5)
        except ValueError as error:
            print(f"{name}: {error}")


if __name__ == "__main__":
    main()
