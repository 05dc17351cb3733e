"""Validations within a fit: whether they come, when the last one was, and what it logged."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from freak_lightning.lightning_api.loaders import reloads_every
from freak_lightning.lightning_api.loops import epoch_done, trained_batches, validates_by_clock
from freak_lightning.lightning_api.namespace import Trainer

NO_OTHERS: Mapping[str, Any] = MappingProxyType({})
"""The trainer's own settings, and no others in their place."""


def make_validation_loaders(trainer: Trainer) -> None:
    """Make the validation loaders now: without a sanity check Lightning makes them for the first validation.

    Lightning makes the loaders of the state that the trainer is in, so the state is "validating" meanwhile.
    """
    trainer.validating = True
    trainer.fit_loop.epoch_loop.val_loop.setup_data()
    trainer.training = True


def keeps_validation_workers(trainer: Trainer) -> bool:
    """Return whether the next validation goes on with worker processes that an earlier one has started.

    Then it takes no number from the generators; a validation that starts workers takes a seed for them.
    Private, since Lightning says nowhere when it makes the validation loaders anew, nor torch whether a
    loader has workers.
    """
    made_in = trainer.fit_loop.epoch_loop.val_loop._last_val_dl_reload_epoch
    if reloads_every(trainer) and (epoch_done(trainer) or made_in != trainer.current_epoch):
        return False
    return any(vars(each).get("_iterator") is not None for each in _with_lasting_workers(trainer))


def start_validation_workers(trainer: Trainer) -> None:
    """Start the workers that ``keeps_validation_workers`` has found before a resume."""
    make_validation_loaders(trainer)
    for loader in _with_lasting_workers(trainer):
        iter(loader)


def _with_lasting_workers(trainer: Trainer) -> list[Any]:
    """Return the validation loaders whose workers stay until the end (``persistent_workers``)."""
    combined = trainer.fit_loop.epoch_loop.val_loop._combined_loader
    loaders = [] if combined is None else combined.flattened
    return [each for each in loaders if getattr(each, "persistent_workers", False)]


def skips_validation(trainer: Trainer) -> bool:
    """Return whether Lightning skips validations on this rank, since it has no batches for them."""
    return trainer.fit_loop.epoch_loop.val_loop.skip


def last_validation_time(trainer: Trainer) -> float:
    """Return when the last validation ended, for a validation every so many seconds (``time.monotonic()``).

    Private, since no setting tells it. Lightning has it from 2.6 on, if ``validates_by_clock``.
    """
    time: float = trainer._last_val_time  # type: ignore[attr-defined]
    return time


def set_last_validation_time(trainer: Trainer, time: float) -> None:
    """Set when the last validation ended; ``-inf`` makes the next one due."""
    trainer._last_val_time = time  # type: ignore[attr-defined]


def validation_metrics(trainer: Trainer) -> dict[str, float]:
    """Return what the validation that has just ended logged. May run a collective: all ranks must call it.

    Private, since ``trainer.callback_metrics`` has the metrics of the training batches too. Call it in
    ``on_validation_end``.
    """
    results = trainer._results
    if results is None:
        return {}
    metrics: dict[str, float] = {}
    for loader in (None, *range(trainer.fit_loop.epoch_loop.val_loop.num_dataloaders)):
        results.dataloader_idx = loader  # of several loaders, each has metrics of its own
        logged = results.metrics(on_step=False)["callback"]
        metrics |= {name: float(value) for name, value in logged.items()}
    results.dataloader_idx = None
    return metrics


def batches_to_validation(trainer: Trainer, settings: Mapping[str, Any] = NO_OTHERS) -> float | None:
    """Return after how many batches the next validation begins; None if none does before the fit ends.

    Call it after this batch's own validation, or while a batch is trained: that one then counts as to come.
    ``inf`` is a validation that nobody can foresee: by the clock, or at the end of an epoch of unknown
    length. ``settings`` replace the trainer's own.
    """
    if not trainer.enable_validation or settings.get("limit_val_batches") == 0:
        return None
    if validates_by_clock(trainer):
        return float("inf")
    length = trainer.num_training_batches
    every = length if trainer.val_check_batch is None else min(trainer.val_check_batch, length)
    in_epoch = _batches_done(trainer)
    epochs = settings.get("check_val_every_n_epoch", trainer.check_val_every_n_epoch)
    if epochs is None:
        every = trainer.val_check_batch or length
        in_all = trained_batches(trainer) - int(_in_a_batch(trainer))
        coming = every - max(0, in_all) % every
    elif every == float("inf"):
        coming = every
    else:
        due = (in_epoch // every + 1) * every
        to_epoch = epochs - 1 - trainer.current_epoch % epochs  # validates in this epoch, in the next, ...
        if to_epoch == 0 and due > length:
            due, to_epoch = every, epochs
        coming = due - in_epoch if to_epoch == 0 else to_epoch * length - in_epoch + every
    return coming if coming <= batches_left(trainer, settings) else None


def takes_the_validation(settings: Mapping[str, Any], trainer: Trainer) -> bool:
    """Return whether a validation is to come, and none would with these settings."""
    now, then = batches_to_validation(trainer), batches_to_validation(trainer, settings)
    return now is not None and then is None


def batches_left(trainer: Trainer, settings: Mapping[str, Any] = NO_OTHERS) -> float:
    """Return how many batches this fit still trains by its limits; ``inf`` for no known end.

    ``settings`` replace the trainer's own.
    """
    in_epoch = _batches_done(trainer)
    max_epochs = settings.get("max_epochs", trainer.max_epochs)
    max_steps = settings.get("max_steps", trainer.max_steps)
    left = [float("inf")]
    if max_epochs not in (None, -1):
        epochs = max(max_epochs - trainer.current_epoch, 1)  # this one ends in any case
        left.append(epochs * trainer.num_training_batches - in_epoch)
    if max_steps != -1 and trainer.lightning_module.automatic_optimization:
        left.append((max_steps - trainer.global_step) * trainer.accumulate_grad_batches)
    return min(left)


def _batches_done(trainer: Trainer) -> int:
    """Return how many batches of this epoch have been trained, without one that is being trained."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready - int(_in_a_batch(trainer))


def _in_a_batch(trainer: Trainer) -> bool:
    """Return whether a batch is being trained: another thread may ask at any moment."""
    current: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    return bool(current.processed < current.ready)
