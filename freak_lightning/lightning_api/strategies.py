"""Facts of Lightning's strategies."""

from datetime import timedelta

from freak_lightning.lightning_api.namespace import Trainer


def collective_timeout(trainer: Trainer) -> timedelta | None:
    """Return how long the strategy's collectives may take, or None where the strategy does not say.

    The strategies that take a ``timeout`` keep it in a private attribute only.
    """
    return getattr(trainer.strategy, "_timeout", None)
