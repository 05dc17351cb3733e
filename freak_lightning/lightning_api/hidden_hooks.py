"""Unused hooks: those of every batch that nobody needs now, hidden from Lightning while it fits.

Lightning calls each hook of each callback. The call of an empty one costs 2 µs where nothing else happens,
and up to 10 µs between two steps of a model, whose code and data have taken the caches: a hundredth of a step
of 1 ms. It leaves out what is not callable.
"""

from collections.abc import Iterable

from freak_lightning.lightning_api.namespace import Callback

EVERY_BATCH = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
    "on_validation_batch_start",
    "on_validation_batch_end",
)


def hide_unused_hooks(callbacks: Iterable[Callback]) -> None:
    """Hide what is inherited from ``Callback``; ``super()`` finds it all the same. Twice is fine."""
    for callback in callbacks:
        for name in EVERY_BATCH:
            hide_hook(callback, name, Callback)


def hide_hook(callback: Callback, name: str, owner: type[Callback]) -> None:
    """Hide one hook until ``show_hook``, where it is ``owner``'s own and not a subclass's."""
    if getattr(type(callback), name) is getattr(owner, name):
        callback.__dict__.setdefault(name, None)


def show_hook(callback: Callback, name: str) -> None:
    """Let Lightning call a hook again, from the next time on. Any thread may do so."""
    if callback.__dict__.get(name, callback) is None:
        callback.__dict__.pop(name, None)


def show_hooks(callbacks: Iterable[Callback]) -> None:
    """Undo ``hide_unused_hooks`` and ``hide_hook``."""
    for callback in callbacks:
        for name in EVERY_BATCH:
            show_hook(callback, name)
