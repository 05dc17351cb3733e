"""CheckpointNow: save a checkpoint at the next step, from which training resumes exactly."""

import os
from typing import Annotated

from pydantic import Field

from freak_core import Freak
from freak_lightning.checkpoint.saver import SavedCheckpoint
from freak_lightning.control import action
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.ranks.cadence import Sync

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._=-]{0,99}$")]
"""A file name without folders: a request never chooses where to write."""


class CheckpointNow(ControlCallback):
    """Action ``checkpoint``: all ranks save at the same step; the receipt contains the path.

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
        overwrite: bool = False,
    ) -> SavedCheckpoint:
        """Save a checkpoint now.

        Args:
            name: file name without folder and ending, epoch and step if you give none; with a version
                (``-v1``) where there is such a file already.
            weights_only: leave optimizer, scheduler and loop state out; cannot be resumed from.
            overwrite: replace the file of that name.

        Raises:
            Failed: a rank could not write; nothing is left behind.
        """
        if self.session is None:
            raise RuntimeError("training has not started")
        chosen = name or f"freak-epoch={trainer.current_epoch}-step={trainer.global_step}"
        return self.session.save(self.dirpath, chosen, weights_only=weights_only, replace=overwrite)
