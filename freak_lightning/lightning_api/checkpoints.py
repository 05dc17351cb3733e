"""A checkpoint as Lightning collects it."""

from typing import Any

from freak_lightning.lightning_api.namespace import Trainer

Checkpoint = dict[str, Any]
"""What Lightning saves and loads: "loops", "callbacks", "optimizer_states" and more, by name."""


def collect_checkpoint(trainer: Trainer, *, weights_only: bool) -> Checkpoint:
    """Return what ``trainer.save_checkpoint`` would write. All ranks must call it.

    Private, since ``trainer.save_checkpoint`` ends in a barrier: a rank that cannot write never gets there,
    and the other ranks wait for it.
    """
    return trainer._checkpoint_connector.dump_checkpoint(weights_only)
