"""The switch: takes remote control out of a running fit and puts it back, between two batches."""

from typing import Any

from lightning.pytorch import Trainer

from freak_lightning import ControlCallback, LROverride
from freak_lightning.cadence import Cadence
from freak_lightning.metric_tap import MetricTap
from freak_lightning.session_driver import SessionDriver


class Switch:
    """Holds the controls of one fit, its driver and its session.

    Ranks must switch at the same batch. Each cadence keeps what it has learnt for the next time.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer: Any = trainer
        self._all = trainer.callbacks
        self._others = [c for c in self._all if not isinstance(c, ControlCallback | SessionDriver)]
        self.driver = next(c for c in self._all if isinstance(c, SessionDriver))
        self.session: Any = self.driver._session
        self._overlays = [c._overlay for c in self._all if isinstance(c, LROverride) and c._overlay]
        self._loggers = trainer.loggers

    def off(self) -> None:
        """Fit as if no control had been listed."""
        self._trainer.callbacks = self._others
        self._trainer.loggers = [logger for logger in self._loggers if not isinstance(logger, MetricTap)]
        for overlay in self._overlays:
            overlay.detach()

    def listed(self) -> None:
        """Let Lightning call the controls' empty hooks, but do nothing."""
        self.off()
        self._trainer.callbacks, self._trainer.loggers = self._all, self._loggers
        self.driver._session = None

    def on(self, cadence: Cadence | None = None) -> None:
        """Fit under control."""
        self._trainer.callbacks, self._trainer.loggers = self._all, self._loggers
        self.driver._session = self.session
        for overlay in self._overlays:
            overlay.attach()
        if cadence is not None:
            self.session._requests._cadence = cadence
