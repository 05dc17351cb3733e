"""Train a small network on handwritten digits, and steer it while it runs.

    python examples/digits.py --ranks 2 --epochs 5 --step-seconds 0.2

Only two lines are about Freak: the import and the ``callbacks``. The loader saves its position in the epoch,
so a checkpoint from the middle of an epoch resumes bit for bit: ``--resume CHECKPOINT``.
"""

import argparse
import logging
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchdata.stateful_dataloader import StatefulDataLoader
from torchdata.stateful_dataloader.sampler import StatefulDistributedSampler

from freak_core import Freak
from freak_lightning import remote_control

Batch = tuple[Tensor, Tensor]

DIGITS = Path(__file__).with_name("digits.csv.gz")
"""8 x 8 images of handwritten digits, a row each: 64 pixels from 0 to 16, then the digit.

From the UCI Machine Learning Repository (CC BY 4.0): E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits"."""


class Digits(LightningModule):
    """Two convolutions and a linear layer for images of shape (1, 8, 8) in ten classes."""

    def __init__(self, lr: float = 0.1, step_seconds: float = 0.0) -> None:
        super().__init__()
        self.lr = lr
        self.step_seconds = step_seconds
        first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.net = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(32 * 2 * 2, 10))

    def training_step(self, batch: Batch) -> Tensor:
        time.sleep(self.step_seconds)  # slow enough for a person to follow
        images, digits = batch
        loss = functional.cross_entropy(self.net(images), digits)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Batch) -> None:
        images, digits = batch
        right = (self.net(images).argmax(1) == digits).float().mean()
        self.log("accuracy", right, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        accuracy = float(self.trainer.callback_metrics["accuracy"])
        self.print(f"epoch {self.current_epoch}  step {self.global_step}  accuracy {accuracy:.3f}")

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


class DigitsData(LightningDataModule):
    """1,797 digits: 1,437 to train on, 360 to validate."""

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        self.batch_size = batch_size
        rows = torch.from_numpy(np.loadtxt(DIGITS, delimiter=",", dtype=np.float32))
        everything = TensorDataset(rows[:, :64].reshape(-1, 1, 8, 8) / 16, rows[:, 64].long())
        self.train, self.val = random_split(everything, [1437, 360], torch.Generator().manual_seed(1))

    def train_dataloader(self) -> StatefulDataLoader:
        # Lightning passes the epoch to the sampler, which derives the order from it; each rank gets a part.
        # The position in the epoch is saved in the checkpoint. It is the same on every rank.
        ranks, rank = self.trainer.world_size, self.trainer.global_rank
        sampler = StatefulDistributedSampler(self.train, num_replicas=ranks, rank=rank, shuffle=True)
        return StatefulDataLoader(self.train, batch_size=self.batch_size, sampler=sampler)

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(self.val, batch_size=self.batch_size)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train on handwritten digits under remote control.")
    parser.add_argument("--ranks", type=int, default=1, help="processes to train with")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32, help="images per step and rank")
    parser.add_argument("--step-seconds", type=float, default=0.0, help="sleep this long in every step")
    parser.add_argument("--resume", metavar="CHECKPOINT", help="go on from this checkpoint")
    parser.add_argument("--dir", default=".", help="checkpoints go below this folder")
    parser.add_argument("--name", help="what the run is called")
    return parser.parse_args()


def quiet() -> None:
    """Hide messages that Lightning and torchdata print in every run."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    known = (".*does not have many workers", ".isinstance.treespec, LeafSpec", "'set_vital' is deprecated")
    for message in known:
        warnings.filterwarnings("ignore", message)


def main() -> None:
    args = parsed()
    quiet()
    torch.set_num_threads(1)  # images this small gain nothing from more
    seed_everything(1, verbose=False)
    trainer = Trainer(
        callbacks=remote_control(freak=Freak(name=args.name), maximum=1.0),  # no learning rate above 1
        accelerator="cpu",
        devices=args.ranks,
        strategy="ddp" if args.ranks > 1 else "auto",
        max_epochs=args.epochs,
        log_every_n_steps=5,
        default_root_dir=args.dir,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Digits(step_seconds=args.step_seconds), DigitsData(args.batch_size), ckpt_path=args.resume)


if __name__ == "__main__":
    main()
