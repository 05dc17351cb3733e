"""What goes wrong on one rank: requests ask for it, and all ranks must stay the same."""

import os
import time
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from pydantic import Field

from freak_lightning import ControlCallback, GracefulStop, Section, action
from tests.lightning.full_disk import FullDisk


class Faults(ControlCallback[Section]):
    """Actions and a section that are late, fail or differ on the rank that a request names."""

    section = "faults"

    class State(Section):
        """``apply`` fails on this rank."""

        fails_on: int | None = Field(None, ge=0)

    def __init__(self, out: Path, stop: GracefulStop) -> None:
        super().__init__()
        self.out, self.stop = out, stop
        self.disk = FullDisk(-1)
        self.fails_to_collect = False
        self.late_by = 0.0
        self.stops = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        (self.out / f"pid-{trainer.global_rank}").write_text(str(os.getpid()))

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.state.fails_on == trainer.global_rank:
            raise RuntimeError("injected")

    @action
    def late(
        self, trainer: Trainer, pl_module: LightningModule, rank: int, seconds: float, at_once: bool
    ) -> None:
        """Be late on one rank: here, or in the next step."""
        here = seconds if trainer.global_rank == rank else 0.0
        if at_once:
            time.sleep(here)
        else:
            self.late_by = here

    @action
    def save_badly(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        rank: int,
        why: Literal["no folder", "no state", "full disk"],
    ) -> None:
        """Save a checkpoint that one rank cannot take part in."""
        assert self.session is not None
        here = trainer.global_rank == rank
        if why == "full disk" and rank:  # that of rank zero has the journal, too
            self.disk = FullDisk(rank, trainer.global_step)
        self.fails_to_collect = here and why == "no state"
        folder = self.out / "log.txt" if here and why == "no folder" else self.out
        try:
            self.session.save(folder, "bad")
        finally:
            self.disk.on_train_batch_start()
            self.disk, self.fails_to_collect = FullDisk(-1), False

    @action
    def stop_by_program(self, trainer: Trainer, pl_module: LightningModule, rank: int, at_once: bool) -> None:
        """Set ``should_stop`` on one rank as a program does: here, or in the next step."""
        if trainer.global_rank == rank and at_once:
            self.stop.state.should_stop = True
        self.stops = trainer.global_rank == rank and not at_once

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        late_by, self.late_by = self.late_by, 0.0
        time.sleep(late_by)
        stops, self.stops = self.stops, False
        if stops:
            self.stop.state.should_stop = True

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.disk.on_save_checkpoint(trainer, pl_module, checkpoint)

    def state_dict(self) -> dict[str, object]:
        if self.fails_to_collect:
            raise RuntimeError("injected")
        return super().state_dict()
