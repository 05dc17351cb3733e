"""The store: the state under control and its requests, from their arrival to their receipts."""

import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Generic

from pydantic import BaseModel

from freak_core.errors import (
    Conflict,
    Failed,
    NotFound,
    Refused,
    Rejected,
    RunOver,
    TooManyRequests,
    described,
)
from freak_core.interrupts import is_interrupt, let_interrupts_through
from freak_core.program.actions import Action
from freak_core.program.arguments import Apply
from freak_core.program.controlled_state import ControlledState, Memento, Model_co
from freak_core.program.coroutines import Loop
from freak_core.program.deadline import check_deadline
from freak_core.program.idempotency import KeysSeen
from freak_core.program.request_context import RequestContext
from freak_core.program.store_listener import Listener
from freak_core.program.waiting_writes import WaitingWrites
from freak_core.program.write_request import MOST_PENDING, Entry, Write
from freak_core.receipt_history import ReceiptHistory
from freak_core.receipts import Applied, ChangedValue, Receipt
from freak_core.state import transaction
from freak_core.state.type_hints import MASK
from freak_core.text.strict_json import JSON, dumps, plain, writable

logger: logging.Logger = logging.getLogger("freak")


class Store(Generic[Model_co]):
    """The state under control and the requests that wait for it: validated, ordered, applied, with receipts.

    Args:
        model: the object under control; the program goes on using it.
        apply_when: ``"now"`` applies a write as it arrives, on the calling thread; ``"sync"`` keeps it until
            the program takes it with ``take`` at a safe point of its own.
        actions: the actions by name; more may be added later.
        listener: is told of receipts and of the state.
        on_pending: called with each write that waits; with ``"now"``, only actions wait, for their thread.
        on_change: called with the receipt of each change that was applied.
    """

    def __init__(
        self,
        model: Model_co,
        apply_when: Apply = "now",
        *,
        actions: dict[str, Action] | None = None,
        listener: Listener | None = None,
        on_pending: Callable[[Entry], None] | None = None,
        on_change: list[Callable[[Receipt], object]] | None = None,
    ) -> None:
        self.apply_when = apply_when
        self.actions: dict[str, Action] = {} if actions is None else actions
        self.listener = listener
        self.on_pending = on_pending
        self.on_change: list[Callable[[Receipt], object]] = [] if on_change is None else on_change
        self.loop: Loop = Loop()
        self.on_dry_run: Callable[[BaseModel, Sequence[ChangedValue]], object] | None = None
        """Called with the state after a dry run and its changes; raises ``Refused``, or returns a result."""
        self.receipts: ReceiptHistory = ReceiptHistory()
        self.keys: KeysSeen = KeysSeen()
        self.closed: str | None = None
        """Why no more writes are taken; None while they are."""
        self.context: RequestContext = RequestContext()
        self.on_told: Callable[[Callable[[], None]], None] = lambda call: call()
        """Calls what calls the ``on_change`` functions."""
        self._state = ControlledState(model, self._tell_state)
        self._order = threading.RLock()
        self._pending = WaitingWrites()
        self._underway: dict[str, Write] = {}
        self._begun: set[str] = set()
        self._seq = 0

    # -- the state -------------------------------------------------------------------------------

    @property
    def model(self) -> Model_co:
        """The object under control."""
        return self._state.model

    @property
    def revision(self) -> int:
        """How often the state has changed."""
        return self._state.revision

    @property
    def initial(self) -> dict[str, JSON]:
        """The document to which a reset goes back; it holds secrets."""
        return self._state.initial

    @property
    def read_only(self) -> list[str]:
        """The paths whose values had no JSON form, or were not valid, at the start."""
        return self._state.read_only

    @property
    def lock(self) -> threading.RLock:
        """Held while the state or the requests change."""
        return self._state.lock

    def public(self) -> dict[str, JSON]:
        """Return the state as readers were last shown it, secrets masked; needs no lock."""
        return self._state.public

    def locked(self) -> AbstractContextManager[Model_co]:
        """Hold changes off while the program reads several values that belong together."""
        return self._state.locked()

    def snapshot(self) -> Model_co:
        """Return a deep copy of the state that no later change touches."""
        return self._state.snapshot()

    def refresh(self, *, wait: bool = True) -> None:
        """Notice what the program itself has changed; ``wait=False`` does nothing while the lock is held."""
        self._state.refresh(wait=wait)

    def apply(self, write: Write) -> list[transaction.Change]:
        """Apply a ``write`` that was accepted, here or on another rank, and return what changed.

        Raises:
            Refused: it is no longer valid; nothing was changed.
        """
        return self._state.apply(write)

    def memento(self) -> Memento:
        """Return what ``revert`` needs to come back to the state as it is; nothing is serialized for it."""
        return self._state.memento()

    def revert(self, memento: Memento | None = None) -> None:
        """Put the state back, as after a failure on some rank.

        Args:
            memento: what to go back to; None for the state before the last ``apply``.
        """
        self._state.revert(memento)

    def reset_to(self, start: dict[str, JSON]) -> None:
        """Let a reset go back to ``start``, a document such as ``initial``."""
        self._state.reset_to(start)

    # -- requests --------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """Whether accepted writes wait to be taken; cheap, and needs no lock."""
        return bool(self._pending)

    def submit(self, write: Write, deadline: float | None = None) -> Receipt:
        """Validate a write and accept it, or apply it where the store applies at once.

        Args:
            write: what to do.
            deadline: a time of ``time.monotonic`` after which nobody waits for the answer.

        Raises:
            Refused: the write changes nothing; a receipt says so (``error.receipt``).
            TooManyRequests: too many requests wait already; no receipt is written.
        """
        with self._order:
            with self.lock:
                check_deadline(deadline)
                repeated = self.keys.receipt_id(write)
                if repeated is not None:
                    return self._known(repeated)
                if self._pending.full:  # no receipt: a repetition with its key may pass
                    then = "cancel some or let the program come to a safe point"
                    raise TooManyRequests(f"{MOST_PENDING} requests wait already; {then}", retry_after=1.0)
                reading = self._state.refresh()
                receipt = write.receipt(self.revision)
            try:
                candidate = self._check(write, reading)  # without the lock: validators may be slow
                if candidate is not None and not candidate.fits(read=True):
                    candidate = self._check(write, None)
            except Refused as refused:
                if not write.dry_run:
                    asked = self._asked(write)
                    short = asked if len(dumps(asked)) <= 2000 else None
                    problem = refused.problem()
                    with self.lock:
                        receipt = self._write(receipt, status="rejected", error=problem, asked=short)
                    refused.receipt = receipt.model_dump(mode="json")
                    self.keys.remember(write, receipt.id)
                raise
            if write.dry_run:
                made = self._state.preview(self._pending.operations_before(write), write, candidate)
                foreseen, told = transaction.listed(made), None
                if candidate is not None and self.on_dry_run is not None:
                    told = plain(self.on_dry_run(candidate.model, foreseen))
                return receipt.model_copy(update={"status": "valid", "changes": foreseen, "result": told})
            with self.lock:
                check_deadline(deadline)
                if self.closed is not None:
                    raise RunOver(self.closed)
                entry = Entry(receipt.id, write)
                receipt = self._write(receipt, asked=self._asked(write))
                self.keys.remember(write, receipt.id)
                if self.apply_when == "sync" or (candidate is None and self.on_pending is not None):
                    self._pending.add(entry)
                    if self.on_pending is not None:
                        self.on_pending(entry)
                    return receipt
                self._underway[entry.receipt_id] = write
                if candidate is not None:
                    self._begun.add(entry.receipt_id)
                    changes, error = self._state.commit_or_restore(candidate)
        if candidate is None:
            return self.carry_out(entry)
        return self.complete(receipt.id, Applied(), changes, error=error) or receipt

    def steps_until_due(self, step: int, next_epoch: int | None = None) -> int | None:
        """Return in how many steps the next scheduled write is due; 1 if it waits for ``next_epoch``."""
        return self._pending.steps_until_due(step, next_epoch)

    def take(self, step: int | None = None, epoch: int | None = None) -> list[Entry]:
        """Return the accepted writes that are due, in their order; they can no longer be cancelled.

        Args:
            step: how many steps the program has done, for writes that wait for one.
            epoch: the epoch it is in.
        """
        if not self._pending:
            return []
        with self.lock:
            taken = self._pending.take(step, epoch)
            self._underway |= {entry.receipt_id: entry.write for entry in taken}
            return taken

    def cancel(self, receipt_id: str) -> Receipt:
        """Cancel a write that waits.

        Raises:
            NotFound: no such receipt.
            RunOver: it is being applied, or has ended.
        """
        with self.lock:
            receipt = self.receipts.get(receipt_id)
            if receipt is None:
                raise NotFound(f"there is no receipt {receipt_id!r}; GET /receipts lists the newest")
            if receipt.status == "cancelled":
                return receipt
            if receipt_id not in self._pending:
                raise RunOver(f"request {receipt_id} is {receipt.status} already and cannot be cancelled")
            self._pending.remove(receipt_id)
            return self._write(receipt, status="cancelled")

    def complete(
        self,
        receipt_id: str,
        applied: Applied,
        changes: Sequence[transaction.Change] = (),
        *,
        result: object = None,
        error: Refused | None = None,
    ) -> Receipt | None:
        """Write the last receipt of a request that was taken: applied, or failed with an error."""
        with self.lock:
            write = self._underway.pop(receipt_id, None)
            self._begun.discard(receipt_id)
            receipt = self.receipts.get(receipt_id)
            if receipt is None or receipt.settled:
                return receipt
            made = changes or self._made_by_action(write)
            if changes and error is None:
                self._state.show()
            told = {"revision": self.revision, "changes": transaction.listed(made)}
            if error is not None:
                return self._write(receipt, status="failed", error=error.problem(), **told)
            told |= {"result": plain(result), "asked": self._asked(write, changes)}
            receipt = self._write(receipt, status="applied", applied=applied, **told)
        if changes and self.on_change:
            self.on_told(functools.partial(self._tell, receipt))
        return receipt

    def carry_out(self, entry: Entry, applied: Applied | None = None) -> Receipt:
        """Apply one accepted write in this process, or call its action, and write its last receipt."""
        with self.context.answering(), self.context.calling(self.receipts.get(entry.receipt_id)):
            return self._carried_out(entry, applied)

    def _carried_out(self, entry: Entry, applied: Applied | None) -> Receipt:
        write, applied = entry.write, applied or Applied()
        with self.lock:
            known = self.receipts.get(entry.receipt_id)
            if known is not None and (known.settled or entry.receipt_id in self._begun):
                return known  # cancelled, stopped or taken by another thread meanwhile
            self._pending.remove(entry.receipt_id)
            self._underway[entry.receipt_id] = write
            self._begun.add(entry.receipt_id)
        changes: list[transaction.Change] = []
        result, error = None, None
        try:
            if write.kind == "action":
                self._state.refresh()  # what the program has changed before is not the action's
                result = self.actions[str(write.name)].call(write.body)
            else:
                if not self._state.as_proposed:
                    self._state.refresh()
                changes = self.apply(write)
        except Refused as refused:
            error = refused
        except BaseException as unexpected:
            error = Failed(writable(f"carrying out the request raised {described(unexpected)}"))
            if is_interrupt(unexpected):  # Ctrl-C meanwhile
                self.complete(entry.receipt_id, applied, error=error)
                raise
            logger.exception("Freak could not carry out request %s", entry.receipt_id)
        ended = self.complete(entry.receipt_id, applied, changes, result=result, error=error)
        return ended or Receipt(id=entry.receipt_id, kind=write.kind, status="failed")

    def admit(self, write: Write, *, by: str) -> str:
        """Accept a write that needs no validation, such as one of a journal; return its receipt's id."""
        with self.lock:
            receipt = self._write(write.receipt(0), by=by)
            self._underway[receipt.id] = write
            return receipt.id

    def record(self, name: str, applied: Applied, result: object, *, error: Refused | None = None) -> Receipt:
        """Write a receipt for something that the program did by itself, because the state says so."""
        with self.lock:
            receipt = Receipt(kind="action", name=name, revision=self.revision, by="freak")
            if error is not None:
                return self._write(receipt, status="failed", error=error.problem(), result=plain(result))
            return self._write(receipt, status="applied", applied=applied, result=plain(result))

    def tell(self, receipt: Receipt) -> None:
        """Write ``receipt``, that of a request to another run of this program, with a number of this run."""
        with self.lock:
            self._write(receipt.model_copy(update={"seq": 0}))

    def wait_for_begun(self) -> None:
        """Wait until each request that is being carried out has its receipt, 0.3 seconds at most."""
        deadline = time.monotonic() + 0.3
        while self._begun and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self, reason: str) -> None:
        """Take no more writes. Those that have not begun fail with ``reason``; the others end normally."""
        self.closed = reason
        if not self.lock.acquire(timeout=0.3):
            return  # a hanging thread holds it: the program must be able to end all the same
        try:
            idle = [receipt_id for receipt_id in self._underway if receipt_id not in self._begun]
            idle += [entry.receipt_id for entry in self._pending.clear()]
            for receipt_id in idle:
                self._underway.pop(receipt_id, None)
                receipt = self.receipts.get(receipt_id)
                if receipt is not None and not receipt.settled:
                    self._write(receipt, status="failed", error=RunOver(reason).problem())
        finally:
            self.lock.release()

    def forked(self) -> None:
        """Become a read-only snapshot in a forked child, whatever lock another thread held."""
        self._state.lock, self._order = threading.RLock(), threading.RLock()
        self.listener = None
        self.closed = "this is a forked child of the program"
        self._pending = WaitingWrites()

    def _check(self, write: Write, reading: transaction.Reading | None) -> transaction.Candidate | None:
        """Refuse a write that cannot be applied; return the state after it, unless it is an action."""
        try:
            return self._checked(write, reading)
        except Refused:
            raise
        except BaseException as error:
            let_interrupts_through(error)
            logger.exception("the program's own code failed while it validated a request")
            raise Failed(writable(f"validating the request raised {described(error)}")) from error

    def _checked(self, write: Write, reading: transaction.Reading | None) -> transaction.Candidate | None:
        if self.closed is not None:
            raise RunOver(self.closed)
        if write.if_match is not None and write.if_match != self.revision:
            raise Conflict(f"the state is at revision {self.revision}, not {write.if_match}: read it again")
        if write.scheduled and self.apply_when == "now":
            raise Rejected("this program applies requests at once and tells no steps: leave at_step out")
        waits = self.apply_when == "sync" and (self._pending.before(write) or self._underway)
        if write.if_match is not None and waits:
            raise Conflict("other requests are about to change the state: read it again after them")
        if write.kind == "action":
            action = self.actions.get(str(write.name))
            if action is None:
                known = ", ".join(sorted(self.actions)) or "none"
                raise NotFound(f"there is no action {write.name!r}; there are: {known}")
            action.validate(write.body)
            return None
        operations = [*self._pending.operations_before(write), write.operation()]
        return self._state.propose(operations, reading)

    def _made_by_action(self, write: Write | None) -> list[transaction.Change]:
        """Return what has changed since readers were last shown the state, and show it to them."""
        if write is None or write.kind != "action":
            return []
        before = self._state.public
        self._state.refresh()
        return transaction.shown_changes(before, self._state.public)

    def _known(self, receipt_id: str) -> Receipt:
        receipt = self.receipts.get(receipt_id)
        if receipt is None:
            raise Rejected(f"this was requested before, as {receipt_id}; the journal has its receipt")
        return receipt

    def _write(self, receipt: Receipt, **update: object) -> Receipt:
        if not receipt.seq:
            self._seq += 1
            update["seq"] = self._seq
        receipt = receipt.model_copy(update=update)
        self.receipts.put(receipt)
        if self.listener is not None:
            self.listener.receipt(receipt)
        return receipt

    def _asked(self, write: Write | None, changes: Sequence[transaction.Change] = ()) -> JSON:
        """Return the body of a request for its receipt; masked where the state may have secrets at all."""
        if write is None:
            return None
        if write.kind == "action":
            action = self.actions.get(str(write.name))
            return action.shown(write.body) if action is not None else None
        try:
            return MASK if transaction.hides(self.model, self._state.held, changes) else write.body
        except RecursionError:  # the state contains itself
            return MASK

    def _tell_state(self, revision: int, value: dict[str, JSON]) -> None:
        if self.listener is not None:
            self.listener.state(revision, value)

    def _tell(self, receipt: Receipt) -> None:
        for function in self.on_change:
            try:
                with self.context.calling(receipt):
                    self.loop.begin(function(receipt), patience=1.0)
            except BaseException as error:
                let_interrupts_through(error)
                logger.exception("an on_change function of the program failed; the change stays")
