"""How far a fit is, and how far it will go if nothing ends it sooner."""

from math import ceil

from freak_lightning.lightning_api.loops import logged_step, trained_batches
from freak_lightning.lightning_api.namespace import Trainer


def horizon(trainer: Trainer) -> dict[str, int | None]:
    """Return ``total_steps`` (optimizer steps, earlier runs included) and ``max_epochs``; None is no limit.

    Call it while training. A stop, ``EarlyStopping`` or ``max_time`` may end the fit sooner. With manual
    optimization the steps to come are estimated from the steps done.
    """
    max_epochs = trainer.max_epochs if trainer.max_epochs not in (None, -1) else None
    return {"total_steps": total_steps(trainer), "max_epochs": max_epochs}


def progress(trainer: Trainer, beats: int) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Return a mark that changes with every batch and every heartbeat of a pause, and the step and epoch.

    With manual optimization, or where it differs, also the step that loggers use. Any thread may call it: it
    reads a few integers and runs no collective.
    """
    trained = trainer.fit_loop.epoch_loop.batch_progress.total.ready
    validated = trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.ready
    mark = (trained, validated, beats)
    step, logged = trainer.global_step, logged_step(trainer)
    facts = {"step": step, "epoch": trainer.current_epoch}
    differs = step - logged > 1 or not getattr(trainer.lightning_module, "automatic_optimization", True)
    return mark, {**facts, "logged_step": logged} if differs else facts


def total_steps(
    trainer: Trainer,
    *,
    max_epochs: int | None = None,
    max_steps: int | None = None,
    accumulate_grad_batches: int | None = None,
    **_: object,
) -> int | None:
    """Return the optimizer steps of the whole fit, or None for no limit; arguments replace the trainer's."""
    epochs = trainer.max_epochs if max_epochs is None else max_epochs
    steps = trainer.max_steps if max_steps is None else max_steps
    limits = [] if steps == -1 else [steps]
    by_epochs = None if epochs in (None, -1) else _steps_in(epochs, trainer, accumulate_grad_batches)
    return min(limits if by_epochs is None else [*limits, by_epochs], default=None)


def _steps_in(epochs: int, trainer: Trainer, accumulate_later: int | None) -> int | None:
    """Return the optimizer steps until the end of so many epochs, or None if an epoch has no end.

    ``accumulate_later`` is the number of batches that later epochs accumulate, if it is about to change.
    """
    batches = trainer.num_training_batches
    if batches == float("inf"):
        return None
    done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    ended = done >= batches  # Lightning counts the epoch only after its hooks
    here = 0 if ended else int(batches) - done
    later = max(0, epochs - trainer.current_epoch - 1)
    if trainer.lightning_module.automatic_optimization:
        every = trainer.accumulate_grad_batches
        begun = 0 if ended else done // every
        steps_here = 0 if ended else ceil(batches / every) - begun
        return trainer.global_step + steps_here + later * ceil(batches / (accumulate_later or every))
    trained = trained_batches(trainer)
    if trained <= 0 or not trainer.global_step:
        return None
    return trainer.global_step + round((here + later * int(batches)) * trainer.global_step / trained)
