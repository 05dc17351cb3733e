"""LiveMetrics: what you log, live on the dashboard; what was steered, in your own logs."""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from freak_core import Freak, Receipt
from freak_lightning.control import ControlCallback
from freak_lightning.control_point import Point
from freak_lightning.controls.freak_logger import MetricTap
from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.hidden_hooks import hide_hook, show_hook
from freak_lightning.lightning_api.loops import logged_step
from freak_lightning.lightning_api.namespace import LightningModule, Logger, Trainer, is_a
from freak_lightning.optimizers.lr_names import rate_names
from freak_lightning.optimizers.lr_recorder import RateRecorder
from freak_lightning.ranks.cadence import Sync

logger = logging.getLogger("freak")


class LiveMetrics(ControlCallback):
    """Sends every metric that ``self.log`` hands to loggers to the server, too.

    It listens as a logger of its own, on all ranks, at the trainer's ``log_every_n_steps``: reading
    ``trainer.callback_metrics`` instead may run a collective, on one rank alone.

    With them, and once an epoch at least, it logs the learning rates that the optimizers have really stepped
    with, ``lr-SGD`` or as ``LearningRateMonitor`` would call them; where there is one, which logs the
    schedule's, ``-effective`` is added. A rate that is a tensor on a GPU is left out: reading it would make
    the step wait.

    Every request that was applied is written into the trainer's own loggers, at the first step with the
    change: ``freak/receipt``, its number; ``freak/lr/hold`` and the like, the new values that are
    numbers; and, where a logger's experiment has ``add_text``, the receipt as a sentence.

    Args:
        loggers: whether to write rates and requests into the trainer's own loggers.
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
        """Listen; only now, since the first logger decides where checkpoints go."""
        freak = self.session.freak if self.session is not None else None
        if freak is not None:  # only global rank zero has a server, and logs
            self._recorder = RateRecorder(trainer)
        tap = MetricTap(freak, trainer.default_root_dir, partial(self._rates_of, trainer))
        trainer.loggers = [*trainer.loggers, tap]
        monitored = any(is_a(each, "LearningRateMonitor") for each in callbacks_of(trainer))
        self._suffix = "-effective" if monitored else ""

    def waits(self) -> bool:
        """Nothing has to be done at a point that has no requests."""
        return False

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Have what was asked for logged as the next step begins."""
        if self.session is not None and self.session.store.receipts.written != self._receipts_seen:
            show_hook(self, "on_train_batch_start")

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Log what was asked for since the last time."""
        hide_hook(self, "on_train_batch_start", LiveMetrics)
        self._log_receipts(trainer, logged_step(trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last rates of an epoch in which none were."""
        step = logged_step(trainer) - 1
        rates = self._take_rates(trainer, step)
        if not self._rates_in_epoch:
            self._log([*self._own_loggers(trainer), *filter(_is_ours, trainer.loggers)], rates, step)
        self._rates_in_epoch = False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what was asked for last, such as the stop."""
        self._log_receipts(trainer, logged_step(trainer))

    def _rates_of(self, trainer: Trainer, step: int) -> dict[str, float]:
        """Log the rates of a step whose metrics Lightning is logging; return them, to be told with those."""
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        rates = self._take_rates(trainer, step) if every and (step + 1) % every == 0 else {}
        self._rates_in_epoch = self._rates_in_epoch or bool(rates)
        self._log(self._own_loggers(trainer), rates, step)
        return rates

    def _take_rates(self, trainer: Trainer, step: int) -> dict[str, float]:
        """Return the rates of ``step`` by their names, once, if that was the last one."""
        rates = self._recorder.take(step) if self._recorder is not None else None
        try:
            return self._named(trainer, rates) if rates is not None else {}
        except Exception:
            logger.exception("the learning rates cannot be read; training goes on")
            return {}

    def _own_loggers(self, trainer: Trainer) -> list[Logger]:
        """Return the loggers of the user, where we may write into them."""
        return [each for each in trainer.loggers if not _is_ours(each)] if self.loggers else []

    def _named(self, trainer: Trainer, rates: list[list[Any]]) -> dict[str, float]:
        pairs = zip(rate_names(trainer), rates, strict=True)
        return {
            name + self._suffix: float(rate)
            for names, of_groups in pairs
            for name, rate in zip(names, of_groups, strict=False)
            if rate is not None
        }

    def _log_receipts(self, trainer: Trainer, step: int) -> None:
        if self.session is None or self.session.freak is None:
            return
        store = self.session.store
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
                (each.tell if isinstance(each, MetricTap) else each.log_metrics)(metrics, step=step)
            except Exception:
                logger.exception("%s does not take metrics; training goes on", type(each).__name__)

    @staticmethod
    def _write(loggers: list[Logger], text: str, step: int) -> None:
        for each in loggers:
            try:
                add_text = getattr(getattr(each, "experiment", None), "add_text", None)
                if add_text is not None:
                    add_text("freak", text, step)
            except Exception:
                logger.exception("%s does not take texts; training goes on", type(each).__name__)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop listening."""
        self._leave(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Stop listening."""
        self._leave(trainer)

    def _leave(self, trainer: Trainer) -> None:
        trainer.loggers = [each for each in trainer.loggers if not _is_ours(each)]
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.detach()
        self._receipts_seen, self._rates_in_epoch, self._told = 0, False, set()


def _is_ours(each: Logger) -> bool:
    return isinstance(each, MetricTap)


def _numbers(receipt: Receipt) -> Iterator[tuple[str, float]]:
    """Yield the receipt's number, and the new values that are numbers."""
    yield "freak/receipt", float(receipt.seq)
    for change in receipt.changes:
        if isinstance(change.new, bool | int | float):
            yield f"freak{change.path}", float(change.new)
