"""The state under control: one pydantic object that is changed in place, and its revision."""

import copy
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, cast

from pydantic import BaseModel
from typing_extensions import TypeVar

from freak_core.errors import ChangedMeanwhile, Conflict, Failed, Refused, described
from freak_core.interrupts import let_interrupts_through
from freak_core.program.write_request import Write
from freak_core.state import transaction
from freak_core.state.initial_value import start_of
from freak_core.state.shown_secrets import secret_texts
from freak_core.text.paths import to_pointer
from freak_core.text.strict_json import JSON, writable

logger: logging.Logger = logging.getLogger("freak")

Model_co = TypeVar("Model_co", bound=BaseModel, covariant=True, default=BaseModel)
"""The user's class. Covariant, so that what takes any state takes yours."""


@dataclass(frozen=True, slots=True)
class Memento:
    """What ``revert`` goes back to."""

    held: transaction.Snapshot
    revision: int


class ControlledState(Generic[Model_co]):
    """One pydantic object, what readers see of it, and the number of times it has changed.

    Args:
        model: the object under control; the program goes on using it.
        on_news: called with the revision and the new state, as readers see it; under the lock.
    """

    def __init__(self, model: Model_co, on_news: Callable[[int, dict[str, JSON]], None]) -> None:
        self.model = model
        self.revision: int = 0
        self.lock: threading.RLock = threading.RLock()
        self._on_news = on_news
        self._reading = reading = transaction.Reading(model)
        self.public: dict[str, JSON] = reading.public
        """The state as readers see it, secrets masked. It is replaced as a whole: reading needs no lock."""
        document = reading.document_and_outcome()[0]
        self.initial: dict[str, JSON] = cast(dict[str, JSON], start_of(document))
        """The document to which a reset goes back."""
        self._secrets: frozenset[str] = frozenset(secret_texts(reading.copy, reading.held))
        """What a reset must not show."""
        self.read_only: list[str] = [to_pointer(path) for path in transaction.read_only_paths(document)]
        """The paths whose values had no JSON form, or were not valid, at the start."""
        self._unshown: transaction.Committed | None = None
        self._proposal: tuple[str, transaction.Candidate] | None = None
        self._before: Memento | None = None

    @property
    def held(self) -> transaction.Snapshot:
        """What the live objects held when they were last read."""
        return self._reading.held

    @contextmanager
    def locked(self) -> Iterator[Model_co]:
        """Hold changes off while the program reads several values that belong together."""
        with self.lock:
            yield self.model

    def snapshot(self) -> Model_co:
        """Return a deep copy that no later change touches."""
        with self.lock:
            return copy.deepcopy(self.model)

    def reset_to(self, start: dict[str, JSON]) -> None:
        """Let a reset go back to ``start``, a document of the state."""
        with self.lock:
            self.initial = start
            self._proposal = None

    def refresh(self, *, wait: bool = True) -> transaction.Reading | None:
        """Notice what the program itself has changed, and count it as a revision.

        Args:
            wait: wait for the lock; else do nothing if another thread holds it.

        Returns:
            The state as it was read; None if it was not.
        """
        if not self.lock.acquire(blocking=wait):
            return None
        try:
            if self._unshown is not None:
                return None  # what differs is a request on which other ranks have yet to agree
            self._reading = reading = transaction.Reading(self.model, self._reading, exact=wait)
            if reading.public != self.public:
                self.revision += 1
                self._tell(reading.public)
        except BaseException as error:  # the program may be changing the object this very moment
            let_interrupts_through(error)
            logger.debug("Freak could not read the state; it will try again", exc_info=True)
            return None
        else:
            return reading
        finally:
            self.lock.release()

    def propose(
        self, operations: Sequence[transaction.Operation], reading: transaction.Reading | None = None
    ) -> transaction.Candidate:
        """Validate operations on the state as it is, and remember the result until the state changes.

        Raises:
            Refused: they are not valid; nothing was changed.
        """
        asked = repr(operations)  # in Python, True equals 1
        if (proposal := self._proposal) is not None:
            known, candidate = proposal
            if known == asked and candidate.held.seems_unchanged():
                return candidate
        # Without the lock: validators of the program may be slow. ``commit`` looks whether the state changed.
        reading = reading or transaction.Reading(self.model, self._reading)
        candidate = transaction.propose(self.model, operations, self.initial, reading, self._secrets)
        self._proposal = asked, candidate
        return candidate

    @property
    def as_proposed(self) -> bool:
        """Whether the state is sure to be what the last proposal was made for."""
        return self._proposal is not None and self._proposal[1].held.seems_unchanged()

    def apply(self, write: Write) -> list[transaction.Change]:
        """Apply a write that was accepted, here or on another rank, and return what changed.

        It is validated again, unless the state is sure to be what it was when the write was accepted.

        Raises:
            Refused: it is no longer valid; nothing was changed.
        """
        with self.lock:
            self._before = None
            if write.if_match is not None and write.if_match != self.revision:
                raise Conflict(f"the state was changed meanwhile: it is at revision {self.revision}")
        candidate = self.propose([write.operation()])
        with self.lock:
            if not candidate.fits(read=True):
                candidate = self.propose([write.operation()])
            self._before = Memento(candidate.held, self.revision)
            return self.commit(candidate)

    def commit(self, candidate: transaction.Candidate) -> list[transaction.Change]:
        """Write a candidate that was validated against this very state, and return what changed.

        Readers are not told before ``show``.

        Raises:
            ChangedMeanwhile: the program has changed a value that would be written; nothing was changed.
        """
        with self.lock:
            if not candidate.fits(read=False):
                raise ChangedMeanwhile(
                    "the program changed this value while the request was validated: retry"
                )
            self._proposal = None  # its objects are the program's now
            committed = transaction.commit(self.model, candidate)
            if committed.changes:
                self.revision += 1
                self._unshown = committed
            return committed.changes

    def commit_or_restore(
        self, candidate: transaction.Candidate
    ) -> tuple[list[transaction.Change], Refused | None]:
        """Write a candidate into the state, all of it or nothing; return what changed, or why it failed."""
        try:
            return self.commit(candidate), None
        except ChangedMeanwhile as refused:
            return [], refused
        except BaseException as error:
            candidate.held.restore()
            let_interrupts_through(error)
            logger.exception("the program's own code failed while a request was written into the state")
            return [], Failed(writable(f"writing the change raised {described(error)}; it was taken back"))

    def preview(
        self,
        before_it: Sequence[transaction.Operation],
        write: Write,
        candidate: transaction.Candidate | None,
    ) -> list[transaction.Change]:
        """Return what a write would change, seen from the state that the operations ``before_it`` leave."""
        if candidate is None or not before_it:
            return [] if candidate is None else transaction.preview(self.model, candidate)
        before = transaction.propose(self.model, before_it, self.initial).model
        return transaction.preview(before, transaction.propose(before, [write.operation()], self.initial))

    def show(self) -> None:
        """Tell readers the state after a commit."""
        self._before = None
        committed, self._unshown = self._unshown, None
        if committed is not None:
            as_told = committed.held.unchanged()
            self._tell(committed.seen if as_told else transaction.Reading(self.model, self._reading).public)

    def memento(self) -> Memento:
        """Return what ``revert`` needs to come back to here; nothing is serialized for it."""
        with self.lock:
            return Memento(transaction.Snapshot(self.model, self.held), self.revision)

    def revert(self, memento: Memento | None = None) -> None:
        """Put the state back to the ``memento``, or without one to where it was before the last ``apply``."""
        with self.lock:
            memento = memento or self._before
            if memento is None:
                return
            memento.held.restore()
            self.revision = memento.revision
            self._unshown = self._proposal = None

    def _tell(self, seen: dict[str, JSON]) -> None:
        self.public = seen
        self._on_news(self.revision, seen)
