"""Hidden hooks: hooks of every batch that Lightning does not call, since nothing is in them now.

Lightning calls each hook of each callback. The call of an empty one costs 2 µs where nothing else happens,
and up to 10 µs between two steps of a model, whose code and data have taken the caches: with eight controls
and six hooks a batch a tenth of a step of 1 ms. Lightning skips a hook that is not callable.
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


def hide_inherited_hooks(callbacks: Iterable[Callback]) -> None:
    """Hide the hooks that a callback has not overridden; ``super()`` still finds them. Twice is fine."""
    for callback in callbacks:
        for name in EVERY_BATCH:
            if getattr(type(callback), name) is getattr(Callback, name):
                hide_hook(callback, name)


def hide_hook(callback: Callback, name: str) -> None:
    """Hide one hook until ``show_hook``."""
    callback.__dict__.setdefault(name, None)


def show_hook(callback: Callback, name: str) -> None:
    """Let Lightning call a hook again, from the next time on. Any thread may do so."""
    if callback.__dict__.get(name, callback) is None:
        callback.__dict__.pop(name, None)


def show_hooks(callbacks: Iterable[Callback]) -> None:
    """Show all hooks that were hidden."""
    for callback in callbacks:
        for name in EVERY_BATCH:
            show_hook(callback, name)
