"""SIGTERM, as Lightning keeps it."""

from typing import Protocol

from freak_lightning.lightning_api.namespace import Trainer


class SigtermFlag(Protocol):
    """Whether this rank has received SIGTERM; Lightning acts on it after the batch."""

    received_sigterm: bool


def sigterm_flag(trainer: Trainer) -> SigtermFlag:
    """Return the object whose ``received_sigterm`` can be read and set.

    ``trainer.received_sigterm`` can only be read. Lightning's own handler sets it with a broadcast, which
    waits for ranks that wait in another collective.
    """
    return trainer._signal_connector
