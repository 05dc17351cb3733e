"""The trainer's callbacks, and the hooks that they override."""

from collections.abc import Iterable

from freak_lightning.lightning_api.namespace import Callback, Trainer


def callbacks_of(trainer: Trainer) -> list[Callback]:
    """Return the trainer's callbacks in the order in which Lightning calls them.

    ``trainer.callbacks`` is public, but no type declares it: the callback connector sets it.
    """
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks


def set_callbacks(trainer: Trainer, callbacks: Iterable[Callback]) -> None:
    """Give the trainer a new list, and leave the old one as it is: Lightning may be iterating over it."""
    trainer.callbacks = list(callbacks)  # type: ignore[attr-defined]


def definer_of(owner: object, hook: str) -> type | None:
    """Return the class that defines a hook of a callback or module; None if only Lightning's base class does.

    By the classes' names, so that those of ``pytorch_lightning`` are recognized as well. A hook may also lie
    in the object, as those of ``LambdaCallback`` do; then the object's own class is returned.
    """
    if callable(vars(owner).get(hook)):
        return type(owner)
    kinds = [kind for kind in type(owner).__mro__ if kind.__name__ not in ("Callback", "ModelHooks")]
    return next((kind for kind in kinds if hook in vars(kind)), None)


def checks_in(early_stopping: object) -> str:
    """Return the hook in which this ``EarlyStopping`` looks at its metric.

    Private, since it is decided in ``setup`` from the trainer's settings.
    """
    at_epoch_end = getattr(early_stopping, "_check_on_train_epoch_end", None)
    return "on_train_epoch_end" if at_epoch_end else "on_validation_end"
