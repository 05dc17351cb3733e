"""Where a fit is, as Lightning's loops know it.

    optimizer step → schedulers → on_train_batch_end → validation → on_validation_end → next batch
                                                     → epoch end → on_train_epoch_end

``trainer.fit_loop`` is public, but the facts below are not: each function names the private attribute's
reason. Tests fit and resume at every batch, so a Lightning with other loops fails there.
"""

from typing import Any, Literal

from freak_lightning.lightning_api.limits import may_stop
from freak_lightning.lightning_api.namespace import Trainer

Hook = Literal["on_train_start", "on_train_batch_end", "on_validation_end", "on_train_epoch_end"]
"""The hooks in which Freak saves checkpoints."""


def is_optimizer_boundary(trainer: Trainer) -> bool:
    """Return whether the gradients of all batches so far went into an optimizer step; equal on all ranks.

    Private, since ``trainer.accumulate_grad_batches`` alone does not tell: Lightning also steps on the last
    batch of an epoch. With manual optimization the answer is True: Lightning does not know what
    ``training_step`` accumulates.
    """
    return not trainer.fit_loop.epoch_loop._should_accumulate()


def epoch_done(trainer: Trainer) -> bool:
    """Return whether the last batch of the epoch has been trained.

    Private, since ``trainer.is_last_batch`` is already true while the last batch is being trained.
    """
    return bool(trainer.fit_loop.epoch_loop._num_ready_batches_reached())


def validation_due(trainer: Trainer) -> bool:
    """Return whether a validation follows this batch; True in ``on_train_batch_end`` only.

    Private, since Lightning decides it from seven settings. A validation every so many seconds is never
    called due: each rank reads its own clock, and ranks that disagree wait for each other in the next
    collective. Due after any batch of an epoch with validation once ``trainer.should_stop`` takes effect.
    Equal on all ranks.
    """
    fetcher = trainer.fit_loop._data_fetcher
    if running_hook(trainer) != "on_train_batch_end" or fetcher is None:
        return False
    if validates_by_clock(trainer) and not (trainer.should_stop and may_stop(trainer)):
        return False
    return bool(trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher))


def validates_by_clock(trainer: Trainer) -> bool:
    """Return whether ``val_check_interval`` is a time, not a number of batches.

    Private, since ``trainer.val_check_interval`` is not kept for a time. Lightning has it from 2.6 on.
    """
    return getattr(trainer, "_val_check_time_interval", None) is not None


def running_hook(trainer: Trainer) -> Hook:
    """Return which of the hooks in which Freak saves is running.

    Private, since Lightning does not say which hook is running: the loader's fetcher shows whether a batch
    was read, and the progress of batches and epochs shows the rest.
    """
    fetcher = trainer.fit_loop._data_fetcher
    batches = trainer.fit_loop.epoch_loop.batch_progress.current
    if fetcher is None or fetcher.fetched == 0:
        return "on_train_start"
    if batches.completed < batches.ready:
        return "on_train_batch_end"
    # Only in on_train_epoch_end an epoch is processed but not completed.
    epochs = trainer.fit_loop.epoch_progress.current
    in_epoch_end = epochs.processed > epochs.completed  # type: ignore[attr-defined]
    return "on_train_epoch_end" if in_epoch_end else "on_validation_end"


def in_mid_epoch(trainer: Trainer) -> bool:
    """Return whether the epoch has begun and has batches left."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready > 0 and not epoch_done(trainer)


def trained_batches(trainer: Trainer) -> int:
    """Return how many batches have been trained, in all epochs and in the runs that this one resumed."""
    return trainer.fit_loop.epoch_loop.total_batch_idx + 1


def logged_step(trainer: Trainer) -> int:
    """Return the step with which Lightning logs metrics: the number of batches that stepped an optimizer.

    Private, since ``trainer.global_step`` counts the steps of all optimizers.
    """
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def counters_of_batches_agree(trainer: Trainer, hook: Hook) -> bool:
    """Return whether Lightning recognizes on a resume where in the loops the checkpoint was saved.

    Private, since Lightning compares counters that ``on_train_batch_start`` returning -1, and a loader that
    gives None, leave apart for the rest of the fit.
    """
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress.total
    epochs: Any = trainer.fit_loop.epoch_progress.total
    if hook == "on_train_start":
        return True
    done: bool = batches.ready == batches.started == batches.processed
    if hook == "on_train_epoch_end":
        return done and bool(epochs.ready == epochs.started == epochs.processed == epochs.completed + 1)
    completed = batches.completed + 1 if hook == "on_train_batch_end" else batches.completed
    in_epoch: bool = (
        epochs.ready == epochs.started == epochs.processed + 1 and epochs.completed == epochs.processed
    )
    return done and bool(batches.processed == completed) and in_epoch


def begin_next_epoch(trainer: Trainer) -> None:
    """Let a run that resumes from the last batch of an epoch begin the next one as any other epoch.

    Call it in ``on_train_start``. Lightning has counted the epoch as done by then, and takes the next one
    for the rest of it: it does not call ``on_train_epoch_start``, and counts one epoch too few. A checkpoint
    of that run could not be resumed.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.total
    # Lightning has the two names from 2.5.1 on.
    if getattr(trainer.fit_loop, "restarted_mid_epoch", False) and epochs.processed == epochs.ready:
        trainer.fit_loop.reset_restart_stage()
