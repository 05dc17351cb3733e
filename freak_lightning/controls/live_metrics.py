"""LiveMetrics: metrics that you log go to the dashboard, and applied requests go to your loggers."""

import logging
from collections.abc import Iterator
from functools import partial

from freak_core import Freak, Receipt
from freak_lightning.control_point import Point
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.controls.freak_logger import FreakLogger
from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.loops import logged_step
from freak_lightning.lightning_api.namespace import LightningModule, Logger, Trainer, is_a
from freak_lightning.optimizers.lr_names import rate_names
from freak_lightning.optimizers.lr_recorder import RateRecorder
from freak_lightning.optimizers.overlaid_optimizer import Value
from freak_lightning.ranks.cadence import Sync

logger = logging.getLogger("freak")


class LiveMetrics(ControlCallback):
    """Sends every metric that ``self.log`` gives to loggers to the server, every ``log_every_n_steps``.

    It adds a logger of its own to the trainer, on all ranks. (Reading ``trainer.callback_metrics`` instead
    may run a collective on one rank alone.)

    With the metrics, and at least once an epoch, it logs the learning rates that the optimizers have stepped
    with, named as ``LearningRateMonitor`` names them (``lr-SGD``). If there is a ``LearningRateMonitor``,
    which logs the scheduled rates, the names end in ``-effective``. A rate that is a tensor on a GPU is not
    logged: reading it would make the step wait.

    Every applied request is written into the trainer's own loggers, at the first step with the change:
    ``freak/receipt`` is the receipt's number; ``freak/lr/hold`` and the like are the new values that are
    numbers; if the logger's experiment has ``add_text``, the receipt is written as a sentence too.

    Args:
        loggers: True to write rates and requests into the trainer's own loggers.
        freak, sync: as for every control.
    """

    _suffix = ""
    _recorder: RateRecorder | None = None
    _rates_in_epoch = False
    _receipts_seen = 0

    def __init__(self, *, loggers: bool = True, freak: Freak | None = None, sync: Sync | None = None) -> None:
        super().__init__(freak=freak, sync=sync)
        self.loggers = loggers
        self._told: set[str] = set()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the logger; not before, since the trainer's first logger decides where checkpoints go."""
        freak = self.session.freak if self.session is not None else None
        if freak is not None:  # only global rank zero has a server, and logs
            self._recorder = RateRecorder(trainer)
        tap = FreakLogger(freak, trainer.default_root_dir, partial(self._rates_of, trainer))
        trainer.loggers = [*trainer.loggers, tap]
        monitored = any(is_a(each, "LearningRateMonitor") for each in callbacks_of(trainer))
        self._suffix = "-effective" if monitored else ""

    def waits(self) -> bool:
        """Return False: a point without requests has nothing to log."""
        return False

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Have applied requests logged as the next batch begins: earlier, the step's number is too low."""
        session = self.session
        if session is not None and session.store.receipts.written != self._receipts_seen:
            self._receipts_seen = session.store.receipts.written
            session.before_next_batch.append(partial(self._log_receipts, trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last rates of the epoch, if none of its rates were logged."""
        step = logged_step(trainer) - 1
        rates = self._take_rates(trainer, step)
        if not self._rates_in_epoch:
            self._log([*self._own_loggers(trainer), *filter(_is_ours, trainer.loggers)], rates, step)
        self._rates_in_epoch = False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last requests, such as the stop."""
        self._log_receipts(trainer)

    def _rates_of(self, trainer: Trainer, step: int) -> dict[str, float]:
        """Log the rates of a step whose metrics Lightning is logging; return them for the server."""
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        rates = self._take_rates(trainer, step) if every and (step + 1) % every == 0 else {}
        self._rates_in_epoch = self._rates_in_epoch or bool(rates)
        self._log(self._own_loggers(trainer), rates, step)
        return rates

    def _take_rates(self, trainer: Trainer, step: int) -> dict[str, float]:
        """Return the rates of ``step`` by name, if it was the last one; a second call returns none."""
        rates = self._recorder.take(step) if self._recorder is not None else None
        try:
            return self._named(trainer, rates) if rates is not None else {}
        except Exception:
            logger.exception("the learning rates cannot be read; training goes on")
            return {}

    def _own_loggers(self, trainer: Trainer) -> list[Logger]:
        """Return the user's loggers, or none if ``loggers`` is False."""
        return [each for each in trainer.loggers if not _is_ours(each)] if self.loggers else []

    def _named(self, trainer: Trainer, rates: list[list[Value]]) -> dict[str, float]:
        pairs = zip(rate_names(trainer), rates, strict=False)
        return {
            name + self._suffix: float(rate)
            for names, of_groups in pairs
            for name, rate in zip(names, of_groups, strict=False)
            if rate is not None
        }

    def _log_receipts(self, trainer: Trainer) -> None:
        """Log the requests that were applied since the last time, with the step that comes next."""
        if self.session is None or self.session.freak is None:
            return
        store, step = self.session.store, logged_step(trainer)
        self._receipts_seen = store.receipts.written
        own = self._own_loggers(trainer)
        for receipt in store.receipts.since(0):
            if receipt.status == "applied" and receipt.id not in self._told:
                self._told.add(receipt.id)
                self._log(own, dict(_numbers(receipt)), step)
                self._write(own, str(receipt) + (f" ({receipt.note})" if receipt.note else ""), step)

    @staticmethod
    def _log(loggers: list[Logger], metrics: dict[str, float], step: int) -> None:
        for each in loggers if metrics else []:
            try:
                (each.tell if isinstance(each, FreakLogger) else each.log_metrics)(metrics, step=step)
            except Exception:
                logger.exception("%s failed to log metrics; training goes on", type(each).__name__)

    @staticmethod
    def _write(loggers: list[Logger], text: str, step: int) -> None:
        for each in loggers:
            try:
                add_text = getattr(getattr(each, "experiment", None), "add_text", None)
                if add_text is not None:
                    add_text("freak", text, step)
            except Exception:
                logger.exception("%s failed to log a text; training goes on", type(each).__name__)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove the logger."""
        self._leave(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remove the logger."""
        self._leave(trainer)

    def _leave(self, trainer: Trainer) -> None:
        trainer.loggers = [each for each in trainer.loggers if not _is_ours(each)]
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.detach()
        self._receipts_seen, self._rates_in_epoch, self._told = 0, False, set()


def _is_ours(each: Logger) -> bool:
    return isinstance(each, FreakLogger)


def _numbers(receipt: Receipt) -> Iterator[tuple[str, float]]:
    """Yield the receipt's number, and the new values that are numbers."""
    yield "freak/receipt", float(receipt.seq)
    for change in receipt.changes:
        if isinstance(change.new, bool | int | float):
            yield f"freak{change.path}", float(change.new)
