"""Whether a run that resumes from a checkpoint saved now ends with the weights of the uninterrupted run.

    optimizer step → schedulers → on_train_batch_end (1) → validation → on_validation_end (2) → next batch
                                                         → epoch end → on_train_epoch_end (3)

Save at (1) if ``is_optimizer_boundary`` and not ``validation_due``. If a validation is due, save at (2): a
checkpoint from (1) leaves that validation out of the resumed run. Both are exact on the last batch of an
epoch too. (3) is exact only without ``max_steps``, and with loaders whose order follows from the epoch. All
other hooks lose a step or an epoch.

Setting ``trainer.should_stop`` right after saving is safe: the saved epoch is unfinished, so the resumed run
trains its remaining batches. Lightning validates once more before it stops.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from freak_lightning.lightning_api.callbacks import callbacks_of, overrides
from freak_lightning.lightning_api.loaders import (
    has_fetched_ahead,
    is_stateful,
    order_follows_epoch,
    sampler_of,
    train_loaders,
)
from freak_lightning.lightning_api.loops import (
    epoch_done,
    in_mid_epoch,
    is_optimizer_boundary,
    running_hook,
    validation_due,
)
from freak_lightning.lightning_api.namespace import Callback, Trainer


def why_not_exact(trainer: Trainer, ours: Sequence[Callback] = (), rng_saved: bool = False) -> list[str]:
    """Return why weights after a resume may differ from those of the uninterrupted run; empty if none may.

    Exact means bit-identical weights, optimizers and schedulers on the same hardware and software. Means
    that Lightning computes over an epoch start anew in any case.

    Args:
        trainer: a trainer in ``fit``, in the hook that saves.
        ours: Freak's callbacks, one of which is saving; callbacks listed after them have not seen this batch.
        rng_saved: whether the checkpoint has the states of the random number generators.
    """
    reasons = [*_loop_reasons(trainer), *_late_reasons(trainer, ours)]
    for loader in train_loaders(trainer):
        reasons += _loader_reasons(trainer, loader)
    if not rng_saved:
        reasons.append(
            "the random number generators are not saved, since their states could not be gathered from every "
            "rank: dropout and random augmentation differ; use a strategy on torch.distributed, such as ddp"
        )
    return reasons


def _loop_reasons(trainer: Trainer) -> Iterator[str]:
    if not is_optimizer_boundary(trainer):
        yield (
            "the gradients accumulated since the last optimizer step are not saved; "
            "save after the optimizer step"
        )
    if not trainer.lightning_module.automatic_optimization:
        yield (
            "manual optimization: gradients that training_step accumulates are not saved, and Lightning does "
            "not know of them; save where training_step has just stepped"
        )
    if validation_due(trainer) and not trainer.should_stop:
        yield "the resumed run skips the validation that is due after this batch; save after the validation"
    if running_hook(trainer) == "on_train_epoch_end" and trainer.max_steps != -1:
        yield (
            "saved at the end of an epoch with max_steps set: the resumed run counts this epoch twice; "
            "save after a batch"
        )
    if any(config.reduce_on_plateau for config in trainer.lr_scheduler_configs):
        yield (
            "ReduceLROnPlateau: Lightning skips this scheduler's next step after a resume; "
            "use a scheduler that needs no metric"
        )


def _loader_reasons(trainer: Trainer, loader: object) -> Iterator[str]:
    name = type(loader).__name__
    hook = running_hook(trainer)
    if in_mid_epoch(trainer) and not is_stateful(loader):
        yield (
            f"{name} does not save its position in the epoch: the resumed run repeats the epoch's first "
            "batches; use StatefulDataLoader of torchdata, or save at the end of an epoch"
        )
    elif in_mid_epoch(trainer) and hook == "on_train_start":
        yield (
            f"{name} reports the start of the epoch until this resumed run has trained a batch; "
            "save after the next batch"
        )
    elif is_stateful(loader) and has_fetched_ahead(trainer):
        yield (
            f"{name} has no length, so Lightning has read one batch ahead, which the resumed run skips; "
            "give the dataset a __len__"
        )
    if order_follows_epoch(loader) and _draws_too_early(trainer, loader):
        yield (
            f"workers of {name} draw the order before Lightning calls the sampler's set_epoch, "
            "so the resumed run has another order; use num_workers=0"
        )
    shuffles_anew = not is_stateful(loader) or hook == "on_train_epoch_end"
    if _is_random(loader) and (shuffles_anew or getattr(loader, "generator", None) is not None):
        # torchdata saves its own shuffling, unless the loader draws other numbers from the same generator.
        yield (
            f"{name} shuffles in an order that a resume does not repeat; "
            "use a sampler with set_epoch, such as DistributedSampler"
        )


def _is_random(loader: object) -> bool:
    # By name: torch's and torchdata's samplers are different classes, and neither says whether it is random.
    return not order_follows_epoch(loader) and "Random" in type(sampler_of(loader)).__name__


def _draws_too_early(trainer: Trainer, loader: object) -> bool:
    """Whether workers get their first indices, as the iterator is made, before Lightning calls set_epoch."""
    if not getattr(loader, "num_workers", 0):
        return False
    if epoch_done(trainer):
        # Resuming from on_validation_end and later makes the iterator anew, after set_epoch.
        return running_hook(trainer) == "on_train_batch_end"
    # In the first epoch the sampler's epoch is right by chance.
    state_dict: Callable[[], Mapping[str, object]] = getattr(sampler_of(loader), "state_dict", dict)
    return trainer.current_epoch > 0 and "epoch" not in state_dict()


def _late_reasons(trainer: Trainer, ours: Sequence[Callback]) -> Iterator[str]:
    """Yield what runs after Freak's callbacks in this hook: it is not saved, and not called on a resume."""
    hook = running_hook(trainer)
    callbacks = callbacks_of(trainer)
    positions = [index for index, callback in enumerate(callbacks) if callback in ours]
    for callback in callbacks[max(positions, default=len(callbacks)) :]:
        # ModelCheckpoint and its kind only write files: nothing they miss reaches the weights.
        only_writes = any(kind.__name__ == "Checkpoint" for kind in type(callback).__mro__)
        if callback not in ours and not only_writes and overrides(callback, hook) and callback.state_dict():
            yield (
                f"{type(callback).__name__} is listed after Freak's callbacks, so its saved state lacks this "
                "batch; list it before them"
            )
    if overrides(trainer.lightning_module, hook):
        module = type(trainer.lightning_module).__name__
        yield (
            f"{module}.{hook} runs after the checkpoint is saved, and not after a resume; "
            "move it into a callback listed before Freak's"
        )
