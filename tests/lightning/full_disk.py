"""A disk that takes no more, for one rank and one file."""

import resource
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class FullDisk(Callback):
    """Lets a rank write no more than 200 bytes of a checkpoint, at steps of the test's choosing.

    Args:
        rank: whose disk it is.
        steps: at which steps it is full.
    """

    def __init__(self, rank: int, *steps: int) -> None:
        self.rank, self.steps = rank, steps
        self.former: tuple[int, int] | None = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.global_rank == self.rank and trainer.global_step in self.steps:
            self.former = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, self.former[1]))

    def on_train_batch_start(self, *_: Any) -> None:
        if self.former is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, self.former)
            self.former = None
