"""Execution: requests are carried out on every rank in the same order, on all ranks or on none."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from freak_core import Entry, Failed, Refused, Store, Write, plain
from freak_lightning.control import Control, NotYet
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import LightningModule, Trainer, rank_zero_info
from freak_lightning.ranks.collectives import Collectives, agreed_failure, on_any
from freak_lightning.ranks.interrupts import Interrupted, KeptInterrupt, failure_of
from freak_lightning.ranks.lost_ranks import RanksLost
from freak_lightning.session.program_changes import ProgramChanges

logger = logging.getLogger("freak")


@dataclass(slots=True)
class Attempt:
    """How one request went on this rank; ``result`` is something that JSON can hold."""

    changes: list[Any] = field(default_factory=list)
    result: object = None
    failure: Refused | None = None
    not_yet: bool = False
    applied_to: list[str] = field(default_factory=list)
    holds: bool = False

    def changed(self, section: str) -> bool:
        """Return whether something changed in this section."""
        return any(change.path.split("/")[1] == section for change in self.changes)


class Execution:
    """Carries requests out on this rank, agrees with the other ranks on how they went, writes receipts.

    A request that fails on one rank is taken back on all. If a signal has interrupted a rank in it, such as
    Ctrl-C, all ranks end after its receipt. All ranks must call every method at the same points with the same
    requests.

    Args:
        trainer: the trainer that fits.
        pl_module: the model it trains.
        store: this rank's state; on global rank zero with the receipts.
        sections: the controls that own a section, by its name.
        collectives: how ranks agree.
        programs: what the program sets by itself; an action or ``apply`` may do so on one rank only.
        interrupt: keeps what interrupts this rank alone, until the ranks agree.
    """

    def __init__(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        store: Store,
        sections: Mapping[str, Control],
        collectives: Collectives,
        programs: ProgramChanges,
        interrupt: KeptInterrupt,
    ) -> None:
        self._interrupt = interrupt
        self._trainer = trainer
        self._pl_module = pl_module
        self._store = store
        self._sections = sections
        self._collectives = collectives
        self._programs = programs
        self.deferred: list[Entry] = []
        """Requests that wait for a later control point; equal on all ranks."""
        self._passed: set[str] = set()
        """Deferred requests that let those after them pass."""
        self._done: dict[str, Attempt] = {}
        """Actions that have returned on this rank and wait for other ranks, by receipt."""

    def carry_out(self, arrived: Sequence[Entry], point: Point, *, last: bool = False) -> None:
        """Carry out the deferred requests and those that have arrived, in their order.

        An action needs an exact point, and what comes after a deferred request is deferred too. With
        ``last`` nothing is deferred: no other point follows.
        """
        deferred, self.deferred = self.deferred, []
        held = False
        for entry in [*deferred, *arrived]:
            too_early = not last and entry.write.kind == "action" and not point.exact
            if too_early and entry.receipt_id in self._passed:
                self.deferred.append(entry)
                continue
            held = not last and (held or too_early)
            if held:
                self.deferred.append(entry)
            else:
                held = not self._carry_out_one(entry, point)

    def _carry_out_one(self, entry: Entry, point: Point) -> bool:
        """Return whether the requests after it may be carried out; it may be deferred itself."""
        is_action = entry.write.kind == "action"
        attempt = self._done.pop(entry.receipt_id, None) or self._attempt(entry.write)
        if not is_action:
            self._apply_where_changed(attempt)
        failure = agreed_failure(self._collectives, attempt.failure)
        if failure is None and is_action and on_any(self._collectives, attempt.not_yet):
            if not attempt.not_yet:
                self._done[entry.receipt_id] = attempt
            self.deferred.append(entry)
            holds = on_any(self._collectives, attempt.holds)
            if not holds:
                self._passed.add(entry.receipt_id)
            return not holds
        self._passed.discard(entry.receipt_id)
        if failure is not None and attempt.changes:
            go_back(self._revert, self._store, self._interrupt)
            for name in attempt.applied_to:
                go_back(partial(self._apply, name), self._sections[name], self._interrupt)
        with self._interrupt.kept():  # on_change functions run on rank zero only
            receipt = self._store.complete(
                entry.receipt_id,
                point.applied(self._trainer.world_size),
                () if failure else attempt.changes,
                result=attempt.result,
                error=failure,
            )
            if receipt is not None:
                rank_zero_info(f"Freak: {receipt}")
        if isinstance(failure, Interrupted):
            raise failure.error
        return True

    def _attempt(self, write: Write) -> Attempt:
        """Call an action, or change the state, on this rank."""
        attempt = Attempt()
        with self._noted(attempt, write.name or "a change", NotYet):
            if write.kind == "action":
                # Not Action.call, which makes one kind of failure of everything that an action raises.
                action = self._store.actions[str(write.name)]
                arguments = action.validate(write.body)
                self._store.refresh()  # what training has changed before is not the action's
                attempt.result = plain(action.run(arguments))
            else:
                with self._programs.request():
                    attempt.changes = self._store.apply(write)
        return attempt

    def _apply_where_changed(self, attempt: Attempt) -> None:
        """Call ``apply`` of the sections in which something changed on any rank, unless a rank has failed.

        An object may depend on the rank, so a request may change it on one rank only; and ``apply`` may run
        a collective. All ranks must call it.
        """
        flags = int(attempt.failure is not None)
        for bit, name in enumerate(self._sections, 1):
            flags |= attempt.changed(name) << bit
        flags = self._collectives.union(flags, len(self._sections) + 1)
        if flags & 1:
            return
        results: dict[str, object] = {}
        attempt.applied_to = [name for bit, name in enumerate(self._sections, 1) if flags >> bit & 1]
        with self._noted(attempt, "a change"):
            for name in attempt.applied_to:
                results[name] = self._apply(name)
            attempt.result = plain({n: each for n, each in results.items() if each is not None}) or None

    @contextmanager
    def _noted(self, attempt: Attempt, what: str, *later: type[Exception]) -> Iterator[None]:
        """Note what the block raises; raise nothing, since the ranks must still agree on how it went."""
        try:
            yield
        except RanksLost:
            raise
        except NotYet as not_yet:
            attempt.holds = not_yet.holds
            attempt.not_yet = isinstance(not_yet, later)
            if not attempt.not_yet:
                attempt.failure = Failed("NotYet is for actions: apply cannot be called again later")
        except Refused as refused:
            attempt.failure = refused
        except BaseException as error:
            rank = self._trainer.global_rank
            logger.exception("Freak: %s failed on rank %d; the state is put back", what, rank)
            attempt.failure = failure_of(error)

    def _revert(self) -> None:
        with self._programs.request():
            self._store.revert()

    def _apply(self, name: str) -> object:
        control = self._sections[name]
        with self._programs.visit(control):
            return control.apply(self._trainer, self._pl_module)


def go_back(how: Callable[[], object], what: object, interrupt: KeptInterrupt) -> None:
    """Go back to a former state; never raises, since the other ranks wait in the next collective."""
    try:
        how()
    except RanksLost:
        raise
    except BaseException as error:
        logger.exception("%s could not go back to its former state", type(what).__name__)
        interrupt.keep(error)
