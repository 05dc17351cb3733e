"""The state under control: one pydantic object that is changed in place, and its revision."""

import copy
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from typing import Protocol

from pydantic import BaseModel

from freak_core.errors import Conflict
from freak_core.program.write_request import Write
from freak_core.receipts import Receipt
from freak_core.state import transaction
from freak_core.strict_json import JSON

logger = logging.getLogger("freak")

Memento = tuple[dict[str, JSON], int]


class Listener(Protocol):
    """Who hears what happens to a store; called under the store's lock, so it must be quick."""

    def receipt(self, receipt: Receipt) -> None:
        """Hear that a receipt was written or has changed."""

    def state(self, revision: int, value: dict[str, JSON]) -> None:
        """Hear the new state, as readers see it."""


@dataclass(slots=True)
class State:
    """One pydantic object, what readers see of it, and the number of times it has changed.

    Args:
        model: the object under control; the program goes on using it.
    """

    model: BaseModel
    _: KW_ONLY
    revision: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    listener: Listener | None = None
    initial: dict[str, JSON] = field(init=False)
    _public: dict[str, JSON] = field(init=False)
    _unshown: bool = False

    def __post_init__(self) -> None:
        self.initial = transaction.document(self.model)
        self._public = transaction.public(self.model)

    def reset_to(self, start: dict[str, JSON]) -> None:
        """Let a reset go back to ``start``, the document of a memento."""
        with self.lock:
            self.initial = start

    @contextmanager
    def locked(self) -> Iterator[BaseModel]:
        """Hold changes off while the program reads several values that belong together."""
        with self.lock:
            yield self.model

    def snapshot(self) -> BaseModel:
        """Return a deep copy that no later change touches."""
        with self.lock:
            return copy.deepcopy(self.model)

    def public(self) -> dict[str, JSON]:
        """Return the state as readers see it: JSON, secrets masked."""
        with self.lock:
            return self._public

    @property
    def shown(self) -> dict[str, JSON]:
        """What readers were last shown, read without the lock."""
        return self._public

    def refresh(self, *, wait: bool = True) -> None:
        """Notice what the program itself has changed, and count it as a revision."""
        if not self.lock.acquire(blocking=wait):
            return
        try:
            if self._unshown:
                return  # what differs is a request on which other ranks have yet to agree
            seen = transaction.public(self.model)
            if seen != self._public:
                self._moved_on(seen)
        except Exception:  # the program may be changing the object this very moment
            logger.debug("Freak could not read the state; it will try again", exc_info=True)
        finally:
            self.lock.release()

    def apply(self, write: Write) -> list[transaction.Change]:
        """Apply a write that was accepted, here or on another rank, and return what changed.

        Raises:
            Refused: it is no longer valid; nothing was changed.
        """
        with self.lock:
            if write.if_match is not None and write.if_match != self.revision:
                raise Conflict(f"the state was changed meanwhile: it is at revision {self.revision}")
            return self.commit(transaction.propose(self.model, [write.operation()], self.initial))

    def commit(self, candidate: transaction.Candidate) -> list[transaction.Change]:
        """Write a candidate that was validated against this very state, and return what changed."""
        with self.lock:
            changes = transaction.commit(self.model, candidate)
            if changes:
                self.revision += 1
                self._unshown = True
            return changes

    def memento(self) -> Memento:
        """Return what ``revert`` needs to come back to here."""
        with self.lock:
            return transaction.document(self.model), self.revision

    def revert(self, memento: Memento) -> None:
        """Put the state back to where it was, as after a failure on some rank."""
        document, revision = memento
        with self.lock:
            candidate = transaction.propose(self.model, [transaction.Operation("reset", ())], document)
            transaction.commit(self.model, candidate)
            self.revision = revision
            self._unshown = False

    def _moved_on(self, seen: dict[str, JSON]) -> None:
        self._public = seen
        self.revision += 1
        if self.listener is not None:
            self.listener.state(self.revision, seen)

    def _show(self) -> None:
        self._unshown = False
        self._public = transaction.public(self.model)
        if self.listener is not None:
            self.listener.state(self.revision, self._public)
