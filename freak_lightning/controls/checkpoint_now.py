"""CheckpointNow: save a checkpoint at the next step, from which training resumes exactly."""

import os
from typing import Annotated

from pydantic import Field

from freak_core import Failed, Freak, Rejected
from freak_lightning.checkpoint.place_in_loops import END_OF_EPOCH
from freak_lightning.checkpoint.saver import SavedCheckpoint
from freak_lightning.control import NotYet, action
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.namespace import LightningModule, Trainer, rank_zero_info
from freak_lightning.ranks.cadence import Sync
from freak_lightning.session.session import ControlSession

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
        self._awaits: str | None = None

    @action
    def checkpoint(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        name: Name | None = None,
        weights_only: bool = False,
        overwrite: bool = False,
        exact: bool = False,
    ) -> SavedCheckpoint:
        """Save a checkpoint now, or at the next place where it is exact.

        Args:
            name: file name without folder and ending, epoch and step if you give none; with a version
                (``-v1``) where there is such a file already.
            weights_only: leave optimizer, scheduler and loop state out; cannot be resumed from.
            overwrite: replace the file of that name.
            exact: wait for the next place from which a resume is exact.

        Raises:
            Failed: a rank could not write; nothing is left behind. Or no exact place came before the end.
            Rejected: with ``exact``, if no exact place can come.
        """
        if self.session is None:
            raise RuntimeError("training has not started")
        if exact:
            self._wait_for_exact(self.session, weights_only=weights_only)
        chosen = name or f"freak-epoch={trainer.current_epoch}-step={trainer.global_step}"
        saved = self.session.save(self.dirpath, chosen, weights_only=weights_only, replace=overwrite)
        if exact and self._awaits is not None:
            saved["waited_for"] = self._awaits
            self._await(self.session, None)
        return saved

    def _wait_for_exact(self, session: ControlSession, *, weights_only: bool) -> None:
        """Return if a checkpoint saved now is exact.

        Raises:
            NotYet: it is exact at a place to come; the log and ``GET /run`` say which.
            Failed: the training has ended.
            Rejected: no place to come is exact.
        """
        if weights_only:
            raise Rejected("weights_only leaves out what a resume needs: such a checkpoint is never exact")
        if not session.point.exact:
            raise Failed("training has ended before a place where a checkpoint is exact")
        if self._awaits == END_OF_EPOCH and not session.point.last_batch:
            raise NotYet(holds=False)  # looking costs more than a short step
        why_not = session.checkpoints.why_not_exact()
        if not why_not:
            return
        awaits = session.checkpoints.next_exact()
        if awaits is None:
            self._await(session, None)
            raise Rejected(f"no exact checkpoint can come in this training: {'; '.join(why_not)}")
        self._await(session, awaits)
        raise NotYet(holds=False)

    def _await(self, session: ControlSession, place: str | None) -> None:
        """Say in the log and in ``GET /run`` what the checkpoint waits for."""
        if place is not None and place != self._awaits:
            rank_zero_info(f"Freak: the checkpoint waits for {place}, where it is exact")
        if place != self._awaits and session.freak is not None:
            session.freak.phase("training", checkpoint_waits_for=place)
        self._awaits = place
