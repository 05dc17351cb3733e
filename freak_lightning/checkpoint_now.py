"""CheckpointNow: save a checkpoint at the next step, from which training resumes exactly."""

import os
from pathlib import Path
from typing import Annotated, Any

from lightning.pytorch import LightningModule, Trainer
from pydantic import Field

from freak_core import Freak
from freak_lightning.agreement import Sync
from freak_lightning.control_callback import ControlCallback, action
from freak_lightning.exact_point import save_checkpoint, why_not_exact

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._=-]{0,99}$")]
"""A file name without folders: a request never chooses where to write."""


class CheckpointNow(ControlCallback):
    """Action ``checkpoint``: all ranks save at the same step; the receipt tells the path.

    Args:
        dirpath: folder for the checkpoints; ``checkpoints`` under the trainer's ``default_root_dir`` if you
            give none.
        freak, sync: as for every control.
    """

    def __init__(
        self,
        dirpath: str | os.PathLike[str] | None = None,
        *,
        freak: Freak | None = None,
        sync: Sync | None = None,
    ) -> None:
        super().__init__(freak=freak, sync=sync)
        self.dirpath = dirpath

    @action
    def checkpoint(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        name: Name | None = None,
        weights_only: bool = False,
    ) -> dict[str, Any]:
        """Save a checkpoint now.

        Args:
            trainer: given by Freak.
            pl_module: given by Freak.
            name: file name without folder and ending; epoch and step if you give none.
            weights_only: leave optimizer, scheduler and loop state out; cannot be resumed from.
        """
        return save_here(self, trainer, self.dirpath, name or "freak-epoch={epoch}-step={step}", weights_only)


def save_here(
    control: ControlCallback,
    trainer: Trainer,
    dirpath: str | os.PathLike[str] | None,
    name: str,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Save on all ranks; return path, and whether resuming from it is exact, or why not.

    Raises:
        OSError: this rank could not write.
    """
    folder = Path(dirpath) if dirpath is not None else Path(trainer.default_root_dir) / "checkpoints"
    stem = name.replace("{epoch}", str(trainer.current_epoch)).replace("{step}", str(trainer.global_step))
    path = folder.absolute() / f"{stem}.ckpt"
    ours = control.session.controls if control.session is not None else [control]
    reasons = ["weights only"] if weights_only else why_not_exact(trainer, ours)
    save_checkpoint(trainer, path, weights_only)
    saved: dict[str, Any] = {"path": str(path), "exact": not reasons}
    if reasons:
        saved["why_not_exact"] = reasons
    return saved
