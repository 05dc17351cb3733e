"""LiveMetrics: what you log, live on the dashboard; what was steered, in your own logs."""

import logging
from collections.abc import Iterator
from typing import Any

from freak_core import Freak, Receipt, Rejected, Store
from freak_lightning.cadence import Sync
from freak_lightning.control_callback import ControlCallback
from freak_lightning.metric_tap import MetricTap, is_at_hand
from freak_lightning.namespace import LightningModule, Logger, Trainer, is_a
from freak_lightning.param_group_control import ParamGroupControl
from freak_lightning.rate_names import rate_names

logger = logging.getLogger("freak")


class LiveMetrics(ControlCallback):
    """Sends every metric that ``self.log`` hands to loggers to the server, too.

    It listens as a logger of its own, on all ranks, at the trainer's ``log_every_n_steps``: reading
    ``trainer.callback_metrics`` instead may run a collective, on one rank alone.

    At the same steps it logs the learning rates that the optimizers really use, ``lr-SGD`` or as
    ``LearningRateMonitor`` would call them; where there is one, which logs the schedule's, ``-effective`` is
    added. A rate that is a tensor on a GPU is left out: reading it would make the step wait.

    Every request that was applied is written into the trainer's own loggers, at the first step with the
    change: ``freak/receipt``, its number; ``freak/lr/hold`` and the like, the new values that are
    numbers; and, where a logger's experiment has ``add_text``, the receipt as a sentence.

    Args:
        loggers: whether to write rates and requests into the trainer's own loggers.
        freak, sync: as for every control.
    """

    _suffix = ""
    _rates_logged_at: int | None = None
    _receipts_seen = 0

    def __init__(self, *, loggers: bool = True, freak: Freak | None = None, sync: Sync | None = None) -> None:
        super().__init__(freak=freak, sync=sync)
        self.loggers = loggers
        self._told: set[str] = set()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen; only now, since the first logger decides where checkpoints go."""
        freak = self.session.freak if self.session is not None else None
        trainer.loggers = [*trainer.loggers, MetricTap(freak, trainer.default_root_dir)]
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        monitored = any(is_a(callback, "LearningRateMonitor") for callback in callbacks)
        self._suffix = "-effective" if monitored else ""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Log the rates of this step, and what was asked for since the last."""
        session = self.session
        if session is None or session.freak is None:
            return  # only global rank zero has a server, and logs
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        if session.store.receipts.written != self._receipts_seen:
            self._log_receipts(trainer, session.store, step)
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (step + 1) % every == 0 and step != self._rates_logged_at:
            self._rates_logged_at = step
            self._log(self._chosen(trainer), self._readable_rates(trainer), step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what was asked for last, such as the stop."""
        if self.session is not None and self.session.freak is not None:
            step = trainer.fit_loop.epoch_loop._batches_that_stepped
            self._log_receipts(trainer, self.session.store, step)

    def _chosen(self, trainer: Trainer) -> list[Logger]:
        return trainer.loggers if self.loggers else [each for each in trainer.loggers if _is_ours(each)]

    def _readable_rates(self, trainer: Trainer) -> dict[str, float]:
        try:
            return self._rates(trainer)
        except Exception:
            logger.exception("the learning rates cannot be read; training goes on")
            return {}

    def _rates(self, trainer: Trainer) -> dict[str, float]:
        pairs = zip(rate_names(trainer), self._effective(trainer), strict=True)
        return {
            name + self._suffix: float(rate)
            for names, rates in pairs
            for name, rate in zip(names, rates, strict=True)
            if rate is not None and is_at_hand(rate)
        }

    def _effective(self, trainer: Trainer) -> list[list[Any]]:
        for control in self.session.controls if self.session is not None else []:
            if isinstance(control, ParamGroupControl) and control.section == "lr":
                try:
                    return control.overlay.effective("lr")
                except Rejected:
                    break  # optimizers that cannot be watched have the schedule's
        return [[group.get("lr") for group in each.param_groups] for each in trainer.optimizers]

    def _log_receipts(self, trainer: Trainer, store: Store, step: int) -> None:
        self._receipts_seen = store.receipts.written
        own = [each for each in trainer.loggers if not _is_ours(each)] if self.loggers else []
        for receipt in store.receipts.since(0):
            if receipt.status == "applied" and receipt.id not in self._told:
                self._told.add(receipt.id)
                self._log(own, dict(_numbers(receipt)), step)
                self._write(own, str(receipt) + (f" ({receipt.note})" if receipt.note else ""), step)

    @staticmethod
    def _log(loggers: list[Logger], metrics: dict[str, float], step: int) -> None:
        for each in loggers if metrics else []:
            try:
                each.log_metrics(metrics, step=step)
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
        self._rates_logged_at, self._receipts_seen, self._told = None, 0, set()


def _is_ours(each: Logger) -> bool:
    return isinstance(each, MetricTap)


def _numbers(receipt: Receipt) -> Iterator[tuple[str, float]]:
    """Yield the receipt's number, and the new values that are numbers."""
    yield "freak/receipt", float(receipt.seq)
    for change in receipt.changes:
        if isinstance(change.new, bool | int | float):
            yield f"freak{change.path}", float(change.new)
