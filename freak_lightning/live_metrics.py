"""LiveMetrics: what you log, live on the dashboard and in ``/series``."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from freak_core import Freak
from freak_lightning.control_callback import ControlCallback
from freak_lightning.namespace import LightningModule, Logger, Trainer


class LiveMetrics(ControlCallback):
    """Sends every metric that ``self.log`` hands to loggers to the server, too.

    It listens as a logger of its own, on all ranks, at the trainer's ``log_every_n_steps``: reading
    ``trainer.callback_metrics`` instead may run a collective, on one rank alone.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen; only now, since the first logger decides where checkpoints go."""
        freak = self.session.freak if self.session is not None else None
        trainer.loggers = [*trainer.loggers, MetricTap(freak, trainer.default_root_dir)]

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop listening."""
        self._leave(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Stop listening."""
        self._leave(trainer)

    @staticmethod
    def _leave(trainer: Trainer) -> None:
        trainer.loggers = [logger for logger in trainer.loggers if not isinstance(logger, MetricTap)]


class MetricTap(Logger):
    """A logger that passes metrics on to Freak; on ranks without a server it does nothing."""

    def __init__(self, freak: Freak | None, save_dir: str) -> None:
        super().__init__()
        self._freak = freak
        self._save_dir = save_dir

    @property
    def name(self) -> str:
        """Return the logger's name."""
        return "freak"

    @property
    def version(self) -> str:
        """Return the logger's version."""
        return ""

    @property
    def save_dir(self) -> str:
        """Return where the trainer would save without loggers."""
        return self._save_dir

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Pass metrics on; Lightning has made them floats."""
        if self._freak is not None:
            self._freak.log({name: value for name, value in metrics.items() if name != "epoch"}, step=step)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Leave hyperparameters to the other loggers."""
