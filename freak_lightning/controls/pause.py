"""Pause: the training stands still, on all ranks at the same step, while all other controls work."""

import time
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field

from freak_lightning.control import Section
from freak_lightning.control_point import Point
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.controls.graceful_stop import GracefulStop
from freak_lightning.lightning_api.namespace import LightningModule, Trainer


class Standstill(Section):
    """Whether the training stands still, and why."""

    paused: bool = Field(False, description="stand still after the next optimizer step")
    reason: str | None = Field(None, max_length=1000, description="why, for the receipts")


class Pause(ControlCallback[Standstill]):
    """Section ``pause``: the training stands still after the next optimizer step until ``paused`` is false.

    All other controls work meanwhile. A stop request ends the pause, and so does SIGTERM on any rank, before
    which ``GracefulStop`` saves unless ``stop.checkpoint`` is off. Ranks agree four times a second, so that
    no collective times out. A checkpoint never contains a pause.

    Args:
        freak, sync: as for every control.
    """

    section: str | None = "pause"
    requests_only: ClassVar[bool] = True

    _since: float | None = None
    _why: str | None = None
    _stop_known = False
    _stopped = False  # a stop came in this pause, which another control may prolong

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, object] | None:
        """Return when the pause begins, or how long the pause took that ends here, and its reason."""
        if self.state.paused:
            self._why = self.state.reason
            return {"pauses": "after this step"} if self._since is None else None
        if self._since is None:
            return None
        self.state.reason = None  # it was the reason of this pause
        return {"paused_seconds": self._seconds(), "reason": self._why}

    def waits(self) -> bool:
        """Return whether a pause was asked for."""
        return self.state.paused

    def pauses(self, trainer: Trainer) -> bool:
        """Return whether a pause was asked for, and no stop since it began."""
        if not self.state.paused:
            return False
        if self._since is None:
            self._begin()
            return True
        asked = self._stop_asked()
        self._stopped = self._stopped or (asked and not self._stop_known)
        self._stop_known = asked
        return not (self._stopped or trainer.should_stop)

    def _begin(self) -> None:
        self._since, self._why = time.monotonic(), self.state.reason
        self._stop_known = self._stop_asked()
        if self.session is not None and self.session.freak is not None:
            since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            self.session.freak.phase("paused", paused_since=since, pause_reason=self.state.reason)

    def on_pause_end(self, trainer: Trainer, point: Point, ended_by: str) -> None:
        """Write the receipt of the pause, unless it goes on after a validation."""
        if ended_by == "validation" or self._since is None:
            return
        if ended_by == "control":
            ended_by = "stop" if self.state.paused else "resume"
        told = {"ended_by": ended_by, "paused_seconds": self._seconds(), "reason": self._why}
        self.state.paused, self.state.reason = False, None
        self._since, self._stopped = None, False
        if self.session is not None:
            self.session.record("pause", point, told)
            if self.session.freak is not None:
                self.session.freak.phase("training", paused_since=None, pause_reason=None)

    def _stop_asked(self) -> bool:
        controls = self.session.controls if self.session is not None else []
        return any(each.state.should_stop for each in controls if isinstance(each, GracefulStop))

    def _seconds(self) -> float:
        return round(time.monotonic() - self._since, 3) if self._since is not None else 0.0

    def state_dict(self) -> dict[str, object]:
        """Return nothing: a pause is never revived by a resume."""
        return {}

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Forget the pause."""
        self._reset()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget the pause, and be ready for another fit."""
        self._reset()

    def _reset(self) -> None:
        self._since = self._why = None
        self._stop_known = self._stopped = False
        self.__dict__.pop("_state", None)
