"""A checkpoint as Lightning collects it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.namespace import Trainer

Checkpoint = dict[str, Any]
"""What Lightning saves and loads: "loops", "callbacks", "optimizer_states" and more, by name."""


def collect_checkpoint(trainer: Trainer, *, weights_only: bool) -> Checkpoint:
    """Return what ``trainer.save_checkpoint`` would write. All ranks must call it.

    Private, since ``trainer.save_checkpoint`` ends in a barrier: a rank that cannot write never gets there,
    and the other ranks wait for it.
    """
    failures: list[Exception] = []
    with contextlib.ExitStack() as stack:
        for owner in (trainer.fit_loop, *callbacks_of(trainer)):
            for name in ("state_dict", "on_save_checkpoint"):
                stack.enter_context(_held_back(owner, name, failures))
        checkpoint: Checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only)
    if failures:
        raise failures[0]
    return checkpoint


@contextlib.contextmanager
def _held_back(owner: object, name: str, failures: list[Exception]) -> Iterator[None]:
    """Keep what a method raises until later.

    FSDP and ZeroRedundancyOptimizer collect the optimizers' states with collectives, after the states of the
    loops and callbacks. A rank on which one of these raised would be missing there.
    """
    method, own = getattr(owner, name, None), vars(owner)
    if method is None or name in own:
        yield
        return

    def guarded(*args: object, **kwargs: object) -> object:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised again once the collectives are over
            failures.append(error)
            return {}

    own[name] = guarded
    try:
        yield
    finally:
        own.pop(name, None)
