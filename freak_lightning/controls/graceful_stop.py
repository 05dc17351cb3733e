"""GracefulStop: end the training at a good moment, with everything saved that resuming needs."""

import os
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from freak_core import Failed, Freak, Refused, Rejected
from freak_lightning.checkpoint.files import folder_for
from freak_lightning.control import Section
from freak_lightning.control_point import Point
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.limits import may_stop, minimum, set_minimum
from freak_lightning.lightning_api.loops import epoch_done
from freak_lightning.lightning_api.namespace import LightningModule, Trainer, rank_zero_info
from freak_lightning.lightning_api.validation import batches_to_validation
from freak_lightning.ranks.cadence import Sync
from freak_lightning.ranks.heartbeat import SIGTERM
from freak_lightning.ranks.interrupts import Interrupted

ENDLESS = "whose length is unknown: on data without an end it never ends; after 'batch' stops at once"


class Stop(Section):
    """When and how to stop."""

    should_stop: bool = Field(False, description="stop the training; set it back to cancel")
    after: Literal["batch", "epoch", "validation"] = Field("batch", description="what to finish first")
    checkpoint: bool = Field(True, description="save a checkpoint before stopping")
    force: bool = Field(False, description="stop although min_epochs or min_steps are not reached")
    reason: str | None = Field(None, max_length=1000, description="why, for the receipts")


class GracefulStop(ControlCallback[Stop]):
    """Section ``stop``: saves first, then stops all ranks at the same step.

    ``min_epochs`` and ``min_steps`` hold a stop back, and the receipt says so, unless ``stop.force`` is on.
    If saving fails the training goes on: a receipt says why.

    Args:
        dirpath: folder for the checkpoint, as in ``CheckpointNow``.
        freak, sync: as for every control.
    """

    section: str | None = "stop"
    requests_only: ClassVar[bool] = True

    def __init__(
        self,
        dirpath: str | os.PathLike[str] | None = None,
        *,
        freak: Freak | None = None,
        sync: Sync | None = None,
    ) -> None:
        super().__init__(freak=freak, sync=sync)
        self.dirpath = dirpath
        self._stopped = False
        self._stopped_by_others = False
        self._least: tuple[int | None, int | None] | None = None

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, object]:
        """Return when training will stop and what holds it back.

        Raises:
            Rejected: it is too late to cancel the stop, or it cannot come; the message says why.
            Failed: a checkpoint cannot be saved to the folder.
        """
        told = self.check(trainer, pl_module, self.state)
        if not self.state.should_stop:
            if self._stopped:
                trainer.should_stop, self._stopped = self._stopped_by_others, False
            self._put_minimum_back(trainer)
        return told

    def check(self, trainer: Trainer, pl_module: LightningModule, wanted: Stop) -> dict[str, object]:
        """Refuse a stop that cannot come, or can no longer be cancelled; return what ``apply`` returns."""
        if not wanted.should_stop:
            if self._stopped and not epoch_done(trainer):
                raise Rejected(
                    "too late to cancel: the training has already stopped in the middle of this epoch"
                )
            return {"stops": None}
        if self._stopped:
            return {"stops": "now"}
        told: dict[str, object] = {"stops": self._when(trainer, wanted)}
        if wanted.checkpoint:
            folder_for(trainer, self.dirpath)  # raises now, while the request can still be refused
        held = None if wanted.force else _held_back(trainer)
        if held:
            told["held_back_by"] = held
        return told

    def _when(self, trainer: Trainer, wanted: Stop) -> str:
        """Return after what training will stop.

        Raises:
            Rejected: no validation comes.
        """
        if wanted.after == "validation":
            dry_run = wanted is not self.state
            here = not dry_run and self.session is not None and self.session.point.after_validation
            batches = batches_to_validation(trainer)
            if batches is None and not here:
                raise Rejected(_why_no_validation(trainer))
            if batches is not None and not here:
                return f"after the next validation, {_in_batches(batches)}"
        elif wanted.after == "epoch" and trainer.num_training_batches == float("inf"):
            return f"after this epoch, {ENDLESS}"
        return f"after this {wanted.after}"

    def facts(self, trainer: Trainer) -> dict[str, str]:
        """Return the folder to which a stop saves."""
        return {"saves_to": str(self.dirpath or Path(trainer.default_root_dir) / "checkpoints")}

    def waits(self) -> bool:
        """Return whether a stop was asked for and has not come yet."""
        return bool(self.state.should_stop) and not self._stopped

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Save and stop, if this is the point at which to stop."""
        if not self.state.should_stop or self._stopped or not self._due(point):
            return
        if self.state.force:
            self._lift_minimum(trainer)
        elif not may_stop(trainer):
            return
        self._stopped = True
        told: dict[str, object] = {"stopped_after": self.state.after, "reason": self.state.reason}
        failure = self._save(trainer, told, "training goes on") if self.state.checkpoint else None
        if failure is None:
            self._stopped_by_others, trainer.should_stop = trainer.should_stop, True
        else:
            self.state.should_stop = self._stopped = False  # so that it can be asked for again
            self._put_minimum_back(trainer)
        rank_zero_info(_said(point, told, failure))
        if self.session is not None:
            self.session.record("stop", point, told, failure)

    def on_pause_end(self, trainer: Trainer, point: Point, ended_by: str) -> None:
        """Save if SIGTERM ends the pause: the training ends at this batch."""
        if ended_by != SIGTERM or not self.state.checkpoint or self._stopped or self.session is None:
            return
        told: dict[str, object] = {"stopped_after": "SIGTERM", "reason": self.state.reason}
        failure = self._save(trainer, told, "SIGTERM ends the training without a checkpoint")
        rank_zero_info(_said(point, told, failure))
        self.session.record("stop", point, told, failure)

    def _due(self, point: Point) -> bool:
        match self.state.after:
            case "epoch":
                return point.last_batch or point.epoch_end
            case "validation":
                return point.after_validation
            case _:
                return point.exact or point.epoch_end

    def _save(self, trainer: Trainer, told: dict[str, object], unless: str) -> Refused | None:
        if self.session is None:
            return None
        try:
            name = f"stop-epoch={trainer.current_epoch}-step={trainer.global_step}"
            told["checkpoint"] = self.session.save(self.dirpath, name)
        except Interrupted:
            raise
        except Failed as failure:
            return Failed(f"{unless}, since {failure.detail}")
        return None

    def _put_minimum_back(self, trainer: Trainer) -> None:
        if self._least is not None:
            set_minimum(trainer, self._least)
            self._least = None

    def _lift_minimum(self, trainer: Trainer) -> None:
        if self._least is None:
            self._least = minimum(trainer)
        set_minimum(trainer, (0, None))

    def state_dict(self) -> dict[str, object]:
        """Return nothing: a stop is never revived by a resume."""
        return {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the trainer as it was."""
        self._reset(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the trainer as it was, and this control ready for another fit."""
        self._reset(trainer)

    def _reset(self, trainer: Trainer) -> None:
        self._put_minimum_back(trainer)
        if self._stopped:
            trainer.should_stop = self._stopped_by_others  # older Lightnings would not train in a second fit
        self._stopped = False
        self.__dict__.pop("_state", None)


def _said(point: Point, told: dict[str, object], failure: Refused | None) -> str:
    if failure is not None:
        return f"Freak: {failure.detail}"
    why = f" ({told['reason']})" if told["reason"] else ""
    checkpoint = told.get("checkpoint")
    saved = f"; checkpoint {checkpoint['path']}" if isinstance(checkpoint, dict) else ""
    return f"Freak: stopped after {told['stopped_after']} at step {point.step}{why}{saved}"


def _held_back(trainer: Trainer) -> str | None:
    min_epochs, min_steps = minimum(trainer)
    if min_epochs and trainer.current_epoch < min_epochs:
        return f"min_epochs={min_epochs}"
    if min_steps and trainer.global_step < min_steps:
        return f"min_steps={min_steps}"
    return None


def _why_no_validation(trainer: Trainer) -> str:
    if not trainer.enable_validation:
        return "this training has no validation to stop after; use 'epoch' or 'batch'"
    ends = f"max_epochs={trainer.max_epochs}, max_steps={trainer.max_steps}"
    return f"no validation comes before this training ends ({ends}); use 'epoch' or 'batch'"


def _in_batches(batches: float) -> str:
    if batches == float("inf"):
        return "and nobody can foresee when it comes: the epoch's length is unknown, or it comes by the clock"
    return f"in {int(batches)} batches"
