"""Where a checkpoint resumes as if nothing had happened, and how to write one there.

    optimizer step → schedulers → on_train_batch_end (1) → validation → on_validation_end (2) → next batch
                                                         → epoch end → on_train_epoch_end (3)

Save at (1) when :func:`is_optimizer_boundary` and not :func:`validation_due`. If a validation is due, save
at (2), else the resumed run leaves that validation out. Both are exact on the last batch of an epoch too.
(3) is exact only without ``max_steps`` and with an order that follows from the epoch. All other hooks lose
a step or an epoch.

Setting ``trainer.should_stop`` right after saving does no harm: the saved epoch is the unfinished one, so
the resumed run trains its remaining batches. Lightning still validates once more before it leaves, and
``trainer.fit`` puts ``should_stop`` back to False.

Parts of this rest on private attributes of Lightning's loops, because nothing public tells these facts. The
tests fit and resume at every batch, so another Lightning that differs shows there.
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer


def is_optimizer_boundary(trainer: Trainer) -> bool:
    """Whether the gradients of all batches so far went into an optimizer step.

    Within an accumulation the gradients are in no checkpoint. Equal on all ranks. With manual optimization
    Lightning does not know what ``training_step`` accumulates, and the answer is True.
    """
    return not trainer.fit_loop.epoch_loop._should_accumulate()


def validation_due(trainer: Trainer) -> bool:
    """Whether a validation follows on this batch: True in ``on_train_batch_end`` only.

    Equal on all ranks. A validation every so many seconds is never called due: each rank looks at its own
    clock, and ranks that disagreed here would wait for each other in :func:`save_checkpoint`. True on any
    batch of a validation epoch once ``trainer.should_stop`` takes effect.
    """
    fit_loop = trainer.fit_loop
    if _hook(trainer) != "on_train_batch_end" or fit_loop._data_fetcher is None:
        return False
    by_clock = getattr(trainer, "_val_check_time_interval", None) is not None
    if by_clock and not (trainer.should_stop and fit_loop._can_stop_early):
        return False
    return bool(fit_loop.epoch_loop._should_check_val_fx(fit_loop._data_fetcher))


def save_checkpoint(trainer: Trainer, path: str | PathLike[str], weights_only: bool = False) -> None:
    """Save a checkpoint from which training resumes at this very point.

    All ranks must call it, and agree afterwards on how it went: there is no barrier in here.

    After the last batch of an epoch ``trainer.save_checkpoint`` alone stores a loader that is exhausted but
    does not know it yet: the resumed run gets no batch out of it and skips a whole epoch. Here the loader
    is stored as finished.

    Args:
        trainer: a trainer in ``fit``.
        path: file to write; missing folders are made.
        weights_only: leave out optimizers, schedulers and callbacks; such a checkpoint cannot be resumed.

    Raises:
        OSError: the file cannot be written (on the rank that writes).
    """
    # A callback, since Lightning has no other public way to the checkpoint between collecting and writing it.
    finish = _FinishEpoch()
    trainer.callbacks.append(finish)  # type: ignore[attr-defined]
    try:
        # trainer.save_checkpoint without its barrier: a rank that could not write would never get there.
        checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only)
        trainer.strategy.save_checkpoint(checkpoint, Path(path))
    finally:
        trainer.callbacks.remove(finish)  # type: ignore[attr-defined]


def restore_loader_position(trainer: Trainer) -> bool:
    """Put the loaders where the checkpoint says, if Lightning did not; call it in ``on_train_start``.

    ``trainer.estimated_stepping_batches`` in ``configure_optimizers``, a common way to size a schedule,
    makes the loaders before the checkpoint is read. Lightning then drops their stored position, without a
    word, and the resumed epoch starts at its first batch. Equal on all ranks.

    Returns:
        Whether there was something to restore.
    """
    fit_loop = trainer.fit_loop
    if (
        not fit_loop.restarting
        or not fit_loop._combined_loader_states_to_load
        or fit_loop._data_fetcher is None
    ):
        return False
    fit_loop._load_combined_loader_states()
    iter(fit_loop._data_fetcher)
    return True


def why_not_exact(trainer: Trainer, ours: Sequence[Callback] = (), rng_saved: bool = False) -> list[str]:
    """Say why weights resumed from a checkpoint saved now may differ from those of the uninterrupted run.

    Empty means bit-identical weights, optimizers and schedulers on the same hardware and software. Means
    that Lightning computes over an epoch start anew in any case.

    Args:
        trainer: a trainer in ``fit``, asked in the hook that saves.
        ours: the callbacks among which one is saving; what comes after them has not seen this batch yet.
        rng_saved: the caller saves and restores the states of the random number generators.
    """
    reasons = [*_loop_reasons(trainer), *_late_reasons(trainer, ours)]
    for loader in _loaders(trainer):
        reasons += _loader_reasons(trainer, loader)
    if not rng_saved:
        reasons.append("random number generators are not in the checkpoint (dropout, augmentation)")
    return reasons


class _FinishEpoch(Callback):
    """Stores the loaders of a finished epoch as finished, for one call of ``save_checkpoint``."""

    def on_save_checkpoint(self, trainer: Trainer, _: LightningModule, checkpoint: dict[str, Any]) -> None:
        states = checkpoint["loops"]["fit_loop"]["state_dict"].get("combined_loader")
        if not states or not epoch_done(trainer):
            return
        stateful = [loader for loader in _loaders(trainer) if hasattr(loader, "state_dict")]
        for index, loader in enumerate(stateful):
            if _follows_epoch(loader):
                # Empty is a fresh start for torchdata. Its sampler would go on from the epoch's end, even
                # where the iterator says that it is finished.
                states[index] = {}
            elif "_iterator_finished" in states[index] and _hook(trainer) == "on_train_batch_end":
                # Resuming from later hooks makes a new iterator by itself, and a second one would draw a
                # second permutation.
                states[index] = {**states[index], "_iterator_finished": True}


def epoch_done(trainer: Trainer) -> bool:
    """Whether the last batch of the epoch has been trained."""
    return bool(trainer.fit_loop.epoch_loop._num_ready_batches_reached())


def _loaders(trainer: Trainer) -> list[Any]:
    combined = trainer.fit_loop._combined_loader
    return [] if combined is None else list(combined.flattened)


def _sampler(loader: Any) -> Any:
    batch_sampler = getattr(loader, "batch_sampler", None)
    return getattr(batch_sampler, "sampler", None) or getattr(loader, "sampler", None)


def _follows_epoch(loader: Any) -> bool:
    return hasattr(_sampler(loader), "set_epoch")


def _loop_reasons(trainer: Trainer) -> Iterator[str]:
    if not is_optimizer_boundary(trainer):
        yield "gradients of the last batches are accumulated but not yet used"
    if not trainer.lightning_module.automatic_optimization:
        yield "manual optimization: Lightning cannot tell whether training_step is accumulating gradients"
    if validation_due(trainer) and not trainer.should_stop:
        yield "the validation due on this batch is left out after resuming"
    if _hook(trainer) == "on_train_epoch_end" and trainer.max_steps != -1:
        yield "saved after the epoch with max_steps set: Lightning counts this epoch twice after resuming"
    if any(config.reduce_on_plateau for config in trainer.lr_scheduler_configs):
        yield "Lightning leaves out the next step of ReduceLROnPlateau after resuming"


def _loader_reasons(trainer: Trainer, loader: Any) -> Iterator[str]:
    name = type(loader).__name__
    hook = _hook(trainer)
    stateful = hasattr(loader, "state_dict")
    mid_epoch = trainer.fit_loop.epoch_loop.batch_progress.current.ready > 0 and not epoch_done(trainer)
    fetcher = trainer.fit_loop._data_fetcher
    if mid_epoch and not stateful:
        yield f"{name} cannot say where in the epoch it is: resuming replays its first batches"
    elif mid_epoch and hook == "on_train_start":
        yield f"{name} has given no batch since this run was itself resumed: it no longer says where it was"
    elif stateful and fetcher is not None and fetcher.length is None:
        yield f"{name} has no length: Lightning has fetched one batch ahead, which is lost"
    if _follows_epoch(loader) and _draws_too_early(trainer, loader):
        yield f"workers of {name} draw the order before Lightning tells the sampler its epoch"
    if _is_random(loader) and (not stateful or loader.generator is not None or hook == "on_train_epoch_end"):
        # torchdata's own shuffling is saved, unless the loader draws other numbers from the same generator.
        yield f"{name} shuffles without a sampler whose order follows from the epoch (set_epoch)"


def _is_random(loader: Any) -> bool:
    # By name: torch's and torchdata's samplers are different classes, and neither says whether it is random.
    return not _follows_epoch(loader) and "Random" in type(_sampler(loader)).__name__


def _draws_too_early(trainer: Trainer, loader: Any) -> bool:
    """Workers get their first indices when the iterator is made, before Lightning calls ``set_epoch``."""
    if not getattr(loader, "num_workers", 0):
        return False
    if epoch_done(trainer):
        # Resuming from on_validation_end and later makes the iterator anew, after set_epoch.
        return _hook(trainer) == "on_train_batch_end"
    # In the first epoch the sampler's epoch is right by chance.
    return trainer.current_epoch > 0 and "epoch" not in getattr(_sampler(loader), "state_dict", dict)()


def _late_reasons(trainer: Trainer, ours: Sequence[Callback]) -> Iterator[str]:
    """What runs after our callbacks in this hook has not counted this batch, and won't after resuming."""
    hook = _hook(trainer)
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    positions = [index for index, callback in enumerate(callbacks) if callback in ours]
    for callback in callbacks[max(positions, default=len(callbacks)) :]:
        # ModelCheckpoint and its kind only write files: nothing they miss reaches the weights.
        only_writes = any(kind.__name__ == "Checkpoint" for kind in type(callback).__mro__)
        if callback not in ours and not only_writes and _overrides(callback, hook) and callback.state_dict():
            name = type(callback).__name__
            yield f"{name} comes after Freak's callbacks and has not seen this batch: list it first"
    if _overrides(trainer.lightning_module, hook):
        yield f"{hook} of {type(trainer.lightning_module).__name__} runs after this point, not after resuming"


def _hook(trainer: Trainer) -> str:
    """Return the name of the hook that is running, of those in which we save."""
    fetcher = trainer.fit_loop._data_fetcher
    batches = trainer.fit_loop.epoch_loop.batch_progress.current
    if fetcher is None or fetcher.fetched == 0:
        return "on_train_start"
    if batches.completed < batches.ready:
        return "on_train_batch_end"
    # Only in on_train_epoch_end an epoch is processed but not completed.
    epochs: Any = trainer.fit_loop.epoch_progress.current
    return "on_train_epoch_end" if epochs.processed > epochs.completed else "on_validation_end"


def _overrides(owner: object, hook: str) -> bool:
    # By name, so that callbacks of `pytorch_lightning` are understood as well.
    kinds = [kind for kind in type(owner).__mro__ if kind.__name__ not in ("Callback", "ModelHooks")]
    return any(hook in vars(kind) for kind in kinds)
