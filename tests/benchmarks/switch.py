"""The switch: takes remote control out of a running fit and puts it back, between two batches."""

from typing import Any

from lightning.pytorch import Trainer

from freak_lightning import ControlCallback, LiveMetrics
from freak_lightning.controls.freak_logger import FreakLogger
from freak_lightning.optimizers.lr_recorder import RateRecorder
from freak_lightning.session.lightning_hooks import SessionDriver


class Switch:
    """Holds the controls of one fit, its driver and its session."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer: Any = trainer
        self._all: list[Any] = []
        self.driver = next(c for c in self._trainer.callbacks if isinstance(c, SessionDriver))
        self.session: Any = self.driver._session

    def _look(self) -> None:
        """Note what the fit has, once everything has started."""
        if self._all:
            return
        self._all = self._trainer.callbacks
        self._others = [c for c in self._all if not isinstance(c, ControlCallback | SessionDriver)]
        controls = self.session.controls
        self._metrics: list[Any] = [c for c in controls if isinstance(c, LiveMetrics)]
        self._overlays: list[Any] = [self.session.overlay] if self.session.overlay is not None else []
        self._loggers = self._trainer.loggers

    def off(self) -> None:
        """Fit as if no control had been listed."""
        self._look()
        self._trainer.callbacks = self._others
        self._trainer.loggers = [logger for logger in self._loggers if not isinstance(logger, FreakLogger)]
        for overlay in self._overlays:
            overlay.detach()
        for live in self._metrics:
            if live._recorder is not None:
                live._recorder.detach()

    def on(self) -> None:
        """Fit under control."""
        self._look()
        self._trainer.callbacks, self._trainer.loggers = self._all, self._loggers
        self.driver._session = self.session
        for overlay in self._overlays:
            overlay.attach()
        for live in self._metrics:
            if live._recorder is not None:
                live._recorder.detach()
                live._recorder = RateRecorder(self._trainer)
        self.driver._wake()
