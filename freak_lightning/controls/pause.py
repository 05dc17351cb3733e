"""Pause: let the training stand still, on all ranks at the same step, with everything else in reach."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import Field

from freak_lightning.control import ControlCallback, Section
from freak_lightning.control_point import Point
from freak_lightning.controls.graceful_stop import GracefulStop
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.ranks.heartbeat import SIGTERM


class Standstill(Section):
    """Whether the training stands still, and why."""

    paused: bool = Field(False, description="stand still after the next optimizer step")
    reason: str | None = Field(None, max_length=1000, description="why, for the receipts")


class Pause(ControlCallback):
    """Section ``pause``: the training waits after the next optimizer step until ``paused`` is false again.

    All other controls work meanwhile; a stop that is asked for ends the pause, and so does SIGTERM on any
    rank, before which ``GracefulStop`` saves, unless ``stop.checkpoint`` is off. Ranks agree four times a
    second, so that none waits in a collective until it times out. A pause is in no checkpoint.

    Args:
        freak, sync: as for every control.
    """

    State = Standstill
    section = "pause"

    _since: float | None = None
    _why: str | None = None
    _lingering = False
    _stop_known = False

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any] | None:
        """Take note; return how long the pause took that ends here, and its reason, which ends too."""
        if self.state.paused:
            self._why = self.state.reason
            return {"pauses": "after this step"} if self._since is None else None
        if self._since is None:
            return None
        self.state.reason = None  # it was that of this pause
        return {"paused_seconds": self._seconds(), "reason": self._why}

    def waits(self) -> bool:
        """Whether a pause was asked for."""
        return bool(self.state.paused)

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Stand still, if that was asked for and a checkpoint saved meanwhile is exact."""
        session = self.session
        if session is None or not self.state.paused or self._lingering or not point.exact:
            return
        self._lingering = True
        try:
            self._begin()
            ended_by = session.linger(
                point, partial(self._reason_to_go, trainer), partial(self._before_sigterm, trainer, point)
            )
            # Else what was asked for needs the training; the pause goes on after it.
            if ended_by == SIGTERM or not session.deferred:
                self._end(point, ended_by)
        finally:
            self._lingering = False

    def _begin(self) -> None:
        if self._since is not None:
            return
        self._since, self._why = time.monotonic(), self.state.reason
        self._stop_known = self._stop_asked()
        if self.session is not None and self.session.freak is not None:
            since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            self.session.freak.phase("paused", paused_since=since, pause_reason=self.state.reason)

    def _end(self, point: Point, ended_by: str) -> None:
        told = {"ended_by": ended_by, "paused_seconds": self._seconds(), "reason": self._why}
        self.state.paused, self.state.reason = False, None
        self._since = None
        if self.session is not None:
            self.session.record("pause", point, told)
            if self.session.freak is not None:
                self.session.freak.phase("training", paused_since=None, pause_reason=None)

    def _reason_to_go(self, trainer: Trainer) -> str | None:
        if not self.state.paused:
            return "resume"
        asked = self._stop_asked()
        if trainer.should_stop or (asked and not self._stop_known):
            return "stop"
        self._stop_known = asked
        return "validation" if self.session is not None and self.session.deferred else None

    def _before_sigterm(self, trainer: Trainer, point: Point) -> None:
        for stop in self._stops():
            stop.save_before_sigterm(trainer, point)

    def _stop_asked(self) -> bool:
        return any(stop.state.should_stop for stop in self._stops())

    def _stops(self) -> list[GracefulStop]:
        controls = self.session.controls if self.session is not None else []
        return [each for each in controls if isinstance(each, GracefulStop)]

    def _seconds(self) -> float:
        return round(time.monotonic() - self._since, 3) if self._since is not None else 0.0

    def state_dict(self) -> dict[str, Any]:
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
        self._lingering = self._stop_known = False
        self.__dict__.pop("_state", None)
