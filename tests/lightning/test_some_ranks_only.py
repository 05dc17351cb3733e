"""Some ranks have no controls, or others: it is said as training starts, and no rank waits for another."""

import logging
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from freak_lightning import ControlCallback, LROverride, remote_control
from tests.lightning.forks import ON_FORKS, Steps, steps
from tests.lightning.tiny import TinyModel, plain_loader, resumable_loader, tiny_trainer

pytestmark = ON_FORKS


class Uneven(Callback):
    """Leaves the controls to rank zero; the other rank has others, or none."""

    def __init__(self, out: Path, elsewhere: list[Callback]) -> None:
        self.out, self.elsewhere = out, elsewhere

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        log = logging.FileHandler(self.out / f"log-{trainer.global_rank}.txt")
        logging.getLogger("freak").addHandler(log)
        if trainer.global_rank:
            callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
            left = [each for each in callbacks if not isinstance(each, ControlCallback)]
            callbacks[:] = [*left, *self.elsewhere]


@pytest.mark.parametrize("elsewhere", [[], [LROverride()]], ids=["none", "others"])
def test_controls_on_some_ranks_only_are_told_and_training_goes_on(
    tmp_path: Path, elsewhere: list[Callback]
) -> None:
    on_forks: dict[str, Any] = {"devices": 2, "strategy": "ddp_fork", "use_distributed_sampler": False}
    saves = ModelCheckpoint(dirpath=tmp_path / "saved", save_last=True, save_top_k=0)
    callbacks = [Uneven(tmp_path, elsewhere), *remote_control(dirpath=tmp_path), Steps(tmp_path), saves]
    trainer = tiny_trainer(callbacks, max_epochs=2, enable_checkpointing=True, **on_forks)
    trainer.fit(TinyModel(), resumable_loader(), plain_loader(2))
    assert steps(tmp_path) == [16, 16]
    told = [(tmp_path / f"log-{rank}.txt").read_text() for rank in (0, 1)]
    assert "only 1 of 2 ranks has the controls GracefulStop, Pause" in told[0]
    assert "goes on without remote control" in told[0]
    assert told[1] == "" if not elsewhere else "only 1 of 2 ranks has the controls LROverride" in told[1]
    assert (tmp_path / "saved" / "last.ckpt").exists()
