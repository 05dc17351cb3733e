"""A fit on two ranks that takes one step for each line of instruction: a file that appears."""

import json
import sys
import time
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

from freak_core import Freak
from freak_lightning import GracefulStop, LROverride

WANTED = 0.25
HERE = Path(sys.argv[1])


class Noting(torch.optim.SGD):
    """Notes when a step runs with the rate that was asked for."""

    def step(self, closure=None):  # type: ignore[no-untyped-def]
        if self.param_groups[0]["lr"] == WANTED:
            (HERE / f"arrived-{trainer.global_rank}").write_text(json.dumps(time.monotonic_ns()))
        return super().step(closure)


class Waiting(LightningModule):
    """Waits in its third step until the request is accepted, so that the next control point applies it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        if batch_idx == 2:
            (HERE / f"waiting-{self.global_rank}").touch()
            deadline = time.monotonic() + 60
            while not (HERE / "go").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
        return self.layer(batch[0]).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return Noting(self.parameters(), lr=0.1)


trainer = Trainer(
    accelerator="cpu",
    devices=2,
    strategy="ddp",
    max_epochs=1,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    callbacks=[GracefulStop(freak=Freak(port=0, name="walk"), sync=1), LROverride()],
)
trainer.fit(Waiting(), DataLoader(TensorDataset(torch.randn(64, 2)), batch_size=4))
