"""Presence: whether all ranks have the same controls. It is known before the first collective of ours."""

import logging
import os
from collections.abc import Sequence

import torch.distributed as dist

from freak_lightning.ranks.rank_store import KeyStore, rank_store

logger = logging.getLogger("freak")


class Presence:
    """Counts the ranks that have the same controls, in the store of torch.distributed; no collective.

    A rank without them would never come to a collective of ours, or to another one than the rank that waits.

    Args:
        names: the controls of this rank.
        world_size: number of ranks.
    """

    def __init__(self, names: Sequence[str], world_size: int) -> None:
        self._names = names
        self._world_size = world_size
        start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")  # torchrun may keep the store over a restart
        self._key = f"freak/controls{start}/{','.join(names)}"
        self._store: KeyStore | None = None

    def tell(self) -> None:
        """Count this rank. All ranks that have controls call it, before a barrier of the training."""
        if self._world_size > 1 and dist.is_available() and dist.is_initialized():
            self._store = rank_store()
            self._counted(1)

    def lacking(self) -> str | None:
        """Return, after the barrier, what is wrong if not all ranks have the same controls; else None."""
        ranks = self._counted(0)
        if ranks is None or ranks >= self._world_size:
            return None
        self.forget()
        return (
            f"only {ranks} of {self._world_size} ranks {'has' if ranks == 1 else 'have'} the controls "
            f"{', '.join(self._names)}; the others have other ones, or none. This training goes on without "
            "remote control. Give every rank the same callbacks: Freak itself serves on rank zero only"
        )

    def forget(self) -> None:
        """Count this rank no longer. If no rank lacks anything, all ranks have looked before."""
        self._counted(-1)
        self._store = None

    def _counted(self, more: int) -> int | None:
        """Return how many ranks are counted, after ``more``; None where nothing is counted."""
        if self._store is None:
            return None
        try:
            return self._store.add(self._key, more)
        except Exception:
            logger.warning("the ranks' store does not count the ranks that have controls", exc_info=True)
            self._store = None
            return None
