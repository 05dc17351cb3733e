"""How a fit ended: who stopped it, if it did not run to its end."""

from collections.abc import Mapping

from freak_core import Ending, Store
from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.limits import at_its_end
from freak_lightning.lightning_api.namespace import Trainer


def fit_ending(trainer: Trainer, store: Store, stop: Mapping[str, object] | None) -> Ending:
    """Return how a fit has ended whose last batch was trained without an exception.

    Args:
        trainer: the trainer.
        store: the state on global rank zero, which has the receipts.
        stop: what was recorded of a stop that a request asked for.
    """
    if not trainer.should_stop:
        return Ending("finished")
    if stop is not None:
        asked = store.receipts.stop_asked()
        told = stop.get("reason") or (asked.note if asked is not None else None)
        reason = None if told is None else str(told)
        return Ending("stopped", stopped_by=asked.by if asked is not None else "program", reason=reason)
    return Ending("finished") if at_its_end(trainer) else _stopped_by_a_callback(trainer)


def _stopped_by_a_callback(trainer: Trainer) -> Ending:
    for callback in callbacks_of(trainer):
        name = type(callback).__name__
        message = getattr(callback, "stopping_reason_message", None)
        if message or getattr(callback, "stopped_epoch", 0):
            monitored = f"{getattr(callback, 'monitor', 'the metric')} did not improve"
            return Ending("stopped", stopped_by=name, reason=str(message or monitored))
        left = getattr(callback, "time_remaining", None)
        if callable(left) and (seconds := left()) is not None and seconds <= 0:
            return Ending("stopped", stopped_by=name, reason="the time is up")
    return Ending("stopped", stopped_by="trainer.should_stop")
