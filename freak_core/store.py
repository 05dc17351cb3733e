"""The store: one pydantic object under control, its revision, and the requests waiting for it."""

import copy
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from freak_core import merge
from freak_core.actions import Action
from freak_core.errors import Conflict, Failed, NotFound, Refused, Rejected, RunOver
from freak_core.paths import to_pointer
from freak_core.receipts import Applied, ChangedValue, Receipt, ReceiptHistory
from freak_core.strict_json import JSON
from freak_core.write import Entry, KeysSeen, Write

logger = logging.getLogger("freak")

Apply = Literal["now", "sync"]


class Listener(Protocol):
    """Who hears what happens to a store; called under the store's lock, so it must be quick."""

    def receipt(self, receipt: Receipt) -> None:
        """Hear that a receipt was written or has changed."""

    def state(self, revision: int, value: dict[str, JSON]) -> None:
        """Hear the new state, as readers see it."""


@dataclass(slots=True)
class Store:
    """Validates, orders and applies writes to ``model``, which is changed in place.

    Args:
        model: the object under control; the program goes on using it.
        apply: ``"now"`` applies a write as it arrives, on the calling thread; ``"sync"`` keeps it until
            the program takes it with ``take`` at a safe point of its own.
    """

    model: BaseModel
    apply_when: Apply = "now"
    revision: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    actions: dict[str, Action] = field(default_factory=dict)
    receipts: ReceiptHistory = field(default_factory=ReceiptHistory)
    listener: Listener | None = None
    closed: str | None = None
    initial: dict[str, JSON] = field(init=False)
    on_change: list[Callable[[Receipt], None]] = field(default_factory=list)
    _pending: list[Entry] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _keys: KeysSeen = field(default_factory=KeysSeen)
    _seq: int = 0
    _public: dict[str, JSON] = field(init=False)

    def __post_init__(self) -> None:
        self.initial = merge.document(self.model)
        self._public = merge.public(self.model)

    # -- reading ---------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """Whether accepted writes wait to be taken; cheap, and needs no lock."""
        return bool(self._pending)

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

    def refresh(self, *, wait: bool = True) -> None:
        """Notice what the program itself has changed, and count it as a revision."""
        if not self.lock.acquire(blocking=wait):
            return
        try:
            seen = merge.public(self.model)
            if seen != self._public:
                self._moved_on(seen)
        except Exception:  # the program may be changing the object this very moment
            logger.debug("Freak could not read the state; it will try again", exc_info=True)
        finally:
            self.lock.release()

    # -- writing ---------------------------------------------------------------------------------

    def submit(self, write: Write) -> Receipt:
        """Validate a write and accept it, or apply it where the store applies at once.

        Raises:
            Refused: the write changes nothing; a receipt says so (``error.receipt``).
        """
        with self.lock:
            repeated = self._keys.receipt_id(write)
            if repeated is not None:
                return self._known(repeated)
            self.refresh()
            receipt = Receipt(
                kind=write.kind,
                name=write.name,
                path=to_pointer(write.path),
                by=write.by,
                note=write.note,
                revision=self.revision,
            )
            try:
                foreseen = self._check(write)
            except Refused as refused:
                if not write.dry_run:
                    receipt = self._write(receipt, status="rejected", error=refused.problem())
                    refused.receipt = receipt.model_dump(mode="json")
                    self._keys.remember(write, receipt.id)
                raise
            if write.dry_run:
                return receipt.model_copy(update={"changes": _listed(foreseen)})
            entry = Entry(receipt.id, write)
            receipt = self._write(receipt)
            self._keys.remember(write, receipt.id)
            if self.apply_when == "sync":
                self._pending.append(entry)
                return receipt
            self._taken.add(entry.receipt_id)
        return self.carry_out(entry)

    def take(self) -> list[Entry]:
        """Return the accepted writes in their order; they can no longer be cancelled."""
        if not self._pending:
            return []
        with self.lock:
            taken, self._pending = self._pending, []
            self._taken.update(entry.receipt_id for entry in taken)
            return taken

    def cancel(self, receipt_id: str) -> Receipt:
        """Withdraw a write that waits.

        Raises:
            NotFound: no such receipt.
            RunOver: it is on its way or done.
        """
        with self.lock:
            receipt = self.receipts.get(receipt_id)
            if receipt is None:
                raise NotFound(f"there is no receipt {receipt_id!r}; GET /receipts lists the newest")
            if receipt.status == "cancelled":
                return receipt
            if all(entry.receipt_id != receipt_id for entry in self._pending):
                raise RunOver(f"request {receipt_id} is {receipt.status} already and cannot be cancelled")
            self._pending = [entry for entry in self._pending if entry.receipt_id != receipt_id]
            return self._write(receipt, status="cancelled")

    def apply(self, write: Write) -> list[merge.Change]:
        """Apply a write that was accepted, here or on another rank, and return what changed.

        Raises:
            Refused: it is no longer valid; nothing was changed.
        """
        with self.lock:
            if write.if_match is not None and write.if_match != self.revision:
                raise Conflict(f"the state was changed meanwhile: it is at revision {self.revision}")
            changes = merge.commit(self.model, merge.propose(self.model, [write.operation()], self.initial))
            if changes:
                self.revision += 1
            return changes

    def memento(self) -> tuple[dict[str, JSON], int]:
        """Return what ``revert`` needs to come back to here."""
        with self.lock:
            return merge.document(self.model), self.revision

    def revert(self, memento: tuple[dict[str, JSON], int]) -> None:
        """Put the state back to where it was, as after a failure on some rank."""
        document, revision = memento
        with self.lock:
            operation = merge.Operation("put", (), document)
            merge.commit(self.model, merge.propose(self.model, [operation], self.initial))
            self.revision = revision

    def complete(
        self,
        receipt_id: str,
        applied: Applied,
        changes: Sequence[merge.Change] = (),
        *,
        result: Any = None,
        error: Refused | None = None,
    ) -> Receipt | None:
        """Write the end of a request that was taken: applied, or failed and why."""
        with self.lock:
            self._taken.discard(receipt_id)
            receipt = self.receipts.get(receipt_id)
            if receipt is None or receipt.settled:
                return receipt
            if error is not None:
                return self._write(receipt, status="failed", error=error.problem(), revision=self.revision)
            if changes:
                self._show()
            receipt = self._write(
                receipt,
                status="applied",
                applied=applied,
                result=result,
                revision=self.revision,
                changes=_listed(changes),
            )
        if changes:
            self._tell(receipt)
        return receipt

    def carry_out(self, entry: Entry, applied: Applied | None = None) -> Receipt:
        """Apply one accepted write in this process, or call its action, and write the receipt's end."""
        write, applied = entry.write, applied or Applied()
        changes: list[merge.Change] = []
        result, error = None, None
        try:
            if write.kind == "action":
                result = self.actions[str(write.name)].call(write.body)
            else:
                with self.lock:
                    self.refresh()
                    changes = self.apply(write)
                    self._public = merge.public(self.model)
        except Refused as refused:
            error = refused
        except Exception as unexpected:
            logger.exception("Freak could not carry out request %s", entry.receipt_id)
            error = Failed(f"Freak failed: {type(unexpected).__name__}")
        except BaseException as leaving:  # sys.exit() in an action, or Ctrl-C meanwhile
            error = Failed(f"{type(leaving).__name__} while the request was carried out")
            self.complete(entry.receipt_id, applied, error=error)
            raise
        return self.complete(entry.receipt_id, applied, changes, result=result, error=error) or Receipt(
            id=entry.receipt_id, kind=write.kind, status="failed"
        )

    def record(self, name: str, applied: Applied, result: Any, *, error: Refused | None = None) -> Receipt:
        """Write a receipt for something that the program did by itself, as a consequence of a state."""
        with self.lock:
            receipt = Receipt(kind="action", name=name, revision=self.revision)
            if error is not None:
                return self._write(receipt, status="failed", error=error.problem(), result=result)
            return self._write(receipt, status="applied", applied=applied, result=result)

    def close(self, reason: str) -> None:
        """Take no more writes; those that have not ended fail with ``reason``."""
        self.closed = reason
        if not self.lock.acquire(timeout=0.3):
            return  # a thread hangs that holds it: a program must be able to end all the same
        try:
            self.take()
            unfinished, self._taken = self._taken, set()
            for receipt_id in unfinished:
                receipt = self.receipts.get(receipt_id)
                if receipt is not None and not receipt.settled:
                    self._write(receipt, status="failed", error=RunOver(reason).problem())
        finally:
            self.lock.release()

    def forked(self) -> None:
        """Become a read-only snapshot in a forked child, whatever lock another thread held."""
        self.lock = threading.RLock()
        self.listener = None
        self.closed = "this is a forked child of the program"
        self._pending = []

    # -- inside ----------------------------------------------------------------------------------

    def _check(self, write: Write) -> list[merge.Change]:
        """Refuse a write that cannot be applied; return what a dry run would change."""
        if self.closed is not None:
            raise RunOver(self.closed)
        if write.if_match is not None and write.if_match != self.revision:
            raise Conflict(
                f"the state is at revision {self.revision}, not {write.if_match}: read it again, then repeat"
            )
        if write.if_match is not None and (self._pending or self._taken):
            raise Conflict(
                "other requests are about to change the state: read it again once they are applied"
            )
        if write.kind == "action":
            action = self.actions.get(str(write.name))
            if action is None:
                known = ", ".join(sorted(self.actions)) or "none"
                raise NotFound(f"there is no action {write.name!r}; there are: {known}")
            action.validate(write.body)
            return []
        waiting = [entry.write.operation() for entry in self._pending if entry.write.kind != "action"]
        candidate = merge.propose(self.model, [*waiting, write.operation()], self.initial)
        if not write.dry_run:
            return []
        if not waiting:
            return merge.preview(self.model, candidate)
        before = merge.propose(self.model, waiting, self.initial).model
        return merge.preview(before, merge.propose(before, [write.operation()], self.initial))

    def _known(self, receipt_id: str) -> Receipt:
        receipt = self.receipts.get(receipt_id)
        if receipt is None:
            raise Rejected(f"this was requested before, as {receipt_id}; the journal has its receipt")
        return receipt

    def _write(self, receipt: Receipt, **update: Any) -> Receipt:
        if not receipt.seq:
            self._seq += 1
            update["seq"] = self._seq
        receipt = receipt.model_copy(update=update)
        self.receipts.put(receipt)
        if self.listener is not None:
            self.listener.receipt(receipt)
        return receipt

    def _moved_on(self, seen: dict[str, JSON]) -> None:
        self._public = seen
        self.revision += 1
        if self.listener is not None:
            self.listener.state(self.revision, seen)

    def _show(self) -> None:
        self._public = merge.public(self.model)
        if self.listener is not None:
            self.listener.state(self.revision, self._public)

    def _tell(self, receipt: Receipt) -> None:
        for function in self.on_change:
            try:
                function(receipt)
            except Exception:
                logger.exception("an on_change function of the program failed; the change stays")


def _listed(changes: Sequence[merge.Change]) -> list[ChangedValue]:
    return [ChangedValue(path=change.path, old=change.old, new=change.new) for change in changes]
