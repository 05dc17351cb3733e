"""Hooks that a resumed run does not call, or calls too late, and the callbacks and modules that use them."""

from collections.abc import Iterator, Sequence

from freak_lightning.checkpoint.place_in_loops import Place
from freak_lightning.lightning_api.callbacks import callbacks_of, checks_in, definer_of
from freak_lightning.lightning_api.namespace import Callback, Trainer, is_a, is_lightnings

HARMLESS = frozenset(
    {
        "BasePredictionWriter",
        "Checkpoint",
        "DeviceStatsMonitor",
        "LearningRateMonitor",
        "ModelCheckpoint",
        "ModelSummary",
        "OnExceptionCheckpoint",
        "ProgressBar",
        "RichModelSummary",
        "RichProgressBar",
        "ThroughputMonitor",
        "Timer",
        "TQDMProgressBar",
    }
)
"""Lightning's callbacks whose hooks touch no weights: they write, show, measure, or end the training."""


def vouched_for(owner: object) -> bool:
    """Return whether the class of a callback or module says that it resumes exactly."""
    return bool(getattr(type(owner), "resumes_exactly", False))


def hook_reasons(trainer: Trainer, place: Place, ours: Sequence[Callback]) -> Iterator[str]:
    """Yield what the resumed run does not do, since Lightning does not call its hook.

    Callbacks listed after ``ours``, and the module, come after the save in the hook that saves.
    """
    callbacks = callbacks_of(trainer)
    positions = [index for index, callback in enumerate(callbacks) if callback in ours]
    late = max(positions, default=len(callbacks))
    module = trainer.lightning_module
    for index, callback in enumerate(callbacks):
        if callback in ours or vouched_for(callback):
            continue
        yield from (_not_called(callback, hook) for hook in place.missed_hooks if _acts_in(callback, hook))
        if index > late and _acts_in(callback, place.hook):
            name = type(callback).__name__
            yield (
                f"{name} is listed after Freak's callbacks, so what {name}.{place.hook} does at this batch "
                "is not saved; list it before them"
            )
    if vouched_for(module):
        return
    yield from (_not_called(module, hook) for hook in place.missed_hooks if _acts_in(module, hook))
    after = ["on_validation_model_train"] if place.hook == "on_validation_end" else []
    for hook in [place.hook, *after]:
        if place.hook != "on_train_start" and _acts_in(module, hook):
            yield (
                f"{type(module).__name__}.{hook} runs after the checkpoint is saved, and not after a resume; "
                f"move it into a callback listed before Freak's, {VOUCH}"
            )


VOUCH = "or set resumes_exactly = True on the class if it changes nothing that the weights depend on"


def _not_called(owner: object, hook: str) -> str:
    name = type(owner).__name__
    if hook == "on_train_epoch_start":
        when, where = "in the middle of an epoch", "save at the end of an epoch"
    else:
        when = "from the last batch of an epoch that has no validation"
        where = "save in the middle of an epoch"
    return f"a resume {when} does not call {name}.{hook}; {where}, {VOUCH}"


def _acts_in(owner: object, hook: str) -> bool:
    """Return whether a hook of a callback or module may change what the weights depend on."""
    definer = definer_of(owner, hook)
    if definer is None:
        return False
    if is_lightnings(definer):
        if is_a(owner, "EarlyStopping"):
            return hook == checks_in(owner)
        return definer.__name__ not in HARMLESS
    return True
