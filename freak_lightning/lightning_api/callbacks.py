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


def overrides(owner: object, hook: str) -> bool:
    """Return whether the callback or module overrides a hook.

    By the classes' names, so that those of ``pytorch_lightning`` are recognized as well.
    """
    kinds = [kind for kind in type(owner).__mro__ if kind.__name__ not in ("Callback", "ModelHooks")]
    return any(hook in vars(kind) for kind in kinds)
