"""A training with the callback that Freak 0.0.2 showed in its README."""

import argparse
import os
from pathlib import Path

import lightning as L  # noqa: N812
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from pydantic import BaseModel

from freak_core import Freak
from tests.lightning.tiny import TinyModel, plain_loader, resumable_loader, tiny_trainer


class TrainingState(BaseModel):
    should_stop: bool = False


class TrainingStopCallback(L.Callback):
    def __init__(self, freak: Freak | None = None) -> None:
        self.freak = freak if freak is not None else Freak(host="127.0.0.1")
        self.state = TrainingState()

    @rank_zero_only
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.freak.control(self.state)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.state = trainer.strategy.broadcast(self.state, 0)
        if self.state.should_stop:
            trainer.should_stop = True
            trainer.strategy.barrier()

    @rank_zero_only
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.freak.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    trainer = tiny_trainer(
        [TrainingStopCallback()],
        devices=2,
        strategy="ddp",
        max_epochs=100_000,
        limit_val_batches=0,
        use_distributed_sampler=False,
        default_root_dir=out,
    )
    trainer.fit(TinyModel(), resumable_loader(20), plain_loader(2))
    (out / f"ended-{os.environ.get('LOCAL_RANK', '0')}").write_text(str(trainer.global_step))


if __name__ == "__main__":
    main()
