"""The first failure: which rank failed first, and with what; the errors of other ranks follow from it."""

import atexit
import json
import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import torch.distributed as dist

from freak_lightning.ranks.rank_store import rank_store

logger = logging.getLogger("freak")

_PATIENCE = 2.0
"""Seconds that a failing rank waits for the store, which may be gone with another rank."""

_PERIOD = 1.0
"""Seconds between two looks for the failure of another rank."""

_FOLLOWING = ("KeyboardInterrupt", "SystemExit", "GeneratorExit", "SIGTERMException", "RankFailed")
"""Errors of a rank that has not failed by itself."""


class RankFailed(RuntimeError):  # noqa: N818 - a rank failed
    """Another rank failed first; the message has that rank and its error, and then this rank's own."""


class FirstFailure:
    """The error of the rank that failed first; kept in the store of torch.distributed, where there is one.

    Args:
        key: where in the store; equal on all ranks, and another one for each fit.
        rank: this rank.
        world_size: number of ranks.
    """

    def __init__(self, key: str, rank: int, world_size: int) -> None:
        self._key = key
        self._rank = rank
        self._world_size = world_size
        self._over = Event()
        self._watcher: Thread | None = None

    def watch(self, tell: Callable[[str], object]) -> None:
        """Call ``tell`` once another rank has failed, while this one goes on or waits for it in a collective.

        On a thread of its own, until ``behind`` is called.
        """
        if self._world_size > 1 and dist.is_available() and dist.is_initialized():
            self._watcher = Thread(target=self._watch, args=(tell,), name="freak-failures", daemon=True)
            self._watcher.start()
            atexit.register(self._end_watch)

    def _watch(self, tell: Callable[[str], object]) -> None:
        try:
            store = rank_store()
            while not self._over.wait(_PERIOD):
                if store.check([self._key]):
                    tell(self._said(*json.loads(store.get(self._key))))
                    return
        except Exception:
            logger.debug("the ranks' store does not answer", exc_info=True)

    def _end_watch(self) -> None:
        self._over.set()
        if self._watcher is not None:
            self._watcher.join(_PATIENCE)
            atexit.unregister(self._end_watch)

    def _said(self, rank: int, text: str) -> str:
        return f"rank {rank} of {self._world_size} failed first: {text}"

    def behind(self, error: BaseException | None) -> BaseException | None:
        """Tell the other ranks of this rank's ``error``; return what ended the training.

        That is ``error``, or RankFailed if another rank failed first. It is no collective, never raises and
        takes two seconds at most.
        """
        self._end_watch()
        if error is None or self._world_size == 1 or not (dist.is_available() and dist.is_initialized()):
            return error
        found: list[Any] = []
        asking = Thread(target=self._ask, args=(error, found), name="freak-first-failure", daemon=True)
        asking.start()
        asking.join(_PATIENCE)
        if not found or found[0][0] == self._rank:
            return error
        rank, text = found[0]
        return RankFailed(f"{self._said(rank, text)}. Then rank {self._rank}: {error!r}")

    def _ask(self, error: BaseException, found: list[object]) -> None:
        try:
            store = rank_store()
            if type(error).__name__ in _FOLLOWING:
                told = store.get(self._key) if store.check([self._key]) else b""
            else:
                mine = json.dumps([self._rank, f"{type(error).__name__}: {error}"[:500]])
                told = store.compare_set(self._key, "", mine)
            if told:
                found.append(json.loads(told))
        except Exception:
            logger.debug("the ranks' store does not answer", exc_info=True)
