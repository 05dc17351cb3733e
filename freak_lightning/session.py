"""The session: a replicated log of requests that every rank applies in the same order at the same step."""

import functools
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from freak_core import (
    Action,
    Applied,
    ConfigurationError,
    Entry,
    Failed,
    Freak,
    Refused,
    Store,
    Write,
)
from freak_lightning.agreed_failure import agreed_failure
from freak_lightning.agreement import agreement_for
from freak_lightning.cadence import Cadence
from freak_lightning.control_callback import ControlCallback
from freak_lightning.exact_checkpoint import ExactCheckpoint
from freak_lightning.heartbeat import Heartbeat
from freak_lightning.not_yet import NotYet
from freak_lightning.point import Point
from freak_lightning.state_root import actions_of, only_one, root_of, sections_of, start_of

logger = logging.getLogger("freak")


@dataclass(slots=True)
class _Attempt:
    """How one request went on this rank."""

    changes: list[Any] = field(default_factory=list)
    result: Any = None
    failure: Refused | None = None
    not_yet: bool = False


class ControlSession:
    """What all controls of one fit share: the store, the server on rank zero, and the agreement.

    Rank zero takes the requests; at a control point the ranks agree on them, apply them to their replica of
    the state one by one, tell each other how that went, and rank zero writes the receipt. A request that
    fails on one rank is taken back on all.

    Raises:
        ConfigurationError: two controls want the same section or action, or different servers.
    """

    def __init__(
        self, trainer: Trainer, pl_module: LightningModule, controls: Sequence[ControlCallback]
    ) -> None:
        self.trainer = trainer
        self.pl_module = pl_module
        self.controls = list(controls)
        for control in self.controls:
            control.prepare(trainer, pl_module)
        self._sections = sections_of(self.controls)
        actions = actions_of(self.controls, trainer, pl_module)
        sync = only_one("sync", [control.sync for control in self.controls])
        freak = only_one("freak", [control.freak for control in self.controls])
        self._agreement = agreement_for(trainer)
        self._cadence = Cadence(sync if sync is not None else "auto")
        self._deferred: list[Entry] = []
        self._due = False
        self.point = self._point()
        self.checkpoints = ExactCheckpoint(trainer, [*controls], self._agreement, self.agree_on)
        self.freak: Freak | None = None
        root = root_of(self._sections)
        error = self._serve(freak, root, actions) if trainer.is_global_zero else None
        error = trainer.strategy.broadcast(error, src=0)
        if error is not None:
            self.close()
            self.close_group()
            raise ConfigurationError(error)
        self.store = self.freak.store if self.freak else Store(root, "sync", actions=actions)
        self.store.reset_to(start_of(self._sections, root))
        for control in self.controls:
            control.session = self

    def _serve(self, freak: Freak | None, root: BaseModel, actions: dict[str, Action]) -> str | None:
        """Start the server; return what the user must mend, if anything."""
        try:
            freak = freak or Freak()
            for name, action in actions.items():
                freak.action(name=name)(action.function)
            self.freak = freak.control(root, apply="sync")
            facts = {"world_size": self.trainer.world_size, "max_epochs": self.trainer.max_epochs}
            self.freak.phase("starting", **facts)
        except ConfigurationError as error:
            return str(error)
        except Exception:
            logger.exception("Freak cannot serve; training goes on without remote control")
        return None

    # -- at control points -----------------------------------------------------------------------

    def start(self) -> None:
        """Apply what a checkpoint brought along, then whatever waits."""
        restored = {name: control for name, control in self._sections.items() if control.state_dict()}
        for name, control in restored.items():
            self._apply_quietly(control)
            self.record("restore", self._point(), {name: control.state.model_dump(mode="json")})
        if self.freak is not None:
            self.freak.phase("training")
        self._agree(self._point())

    def idle(self, *, last_batch: bool) -> bool:
        """Count an optimizer step, and say whether there is nothing to do after it, on any rank."""
        alone = self.trainer.world_size == 1
        self._due = self.store.pending if alone else self._cadence.due(last_batch)
        return not (self._due or self._deferred or any(control.waits() for control in self.controls))

    def at_boundary(self, *, last_batch: bool, after_validation: bool) -> None:
        """Act after an optimizer step, and after its validation where one was due."""
        point = self._point(exact=True, last_batch=last_batch, after_validation=after_validation)
        if self._due or self._deferred:
            self._agree(point)
        self._visit(point)

    def at_epoch_end(self) -> None:
        """Act at the end of an epoch, through the strategy: the cadence that every strategy guarantees."""
        point = self._point(epoch_end=True)
        self._carry_out_all(self.trainer.strategy.broadcast(self._offer(), src=0), point)
        self._visit(point)

    def at_train_end(self) -> None:
        """Do what still waits for a better point: there is none any more."""
        deferred, self._deferred = self._deferred, []
        for entry in deferred:
            self._carry_out(entry, self._point())

    @property
    def deferred(self) -> bool:
        """Whether a request waits for training to go on; equal on all ranks."""
        return bool(self._deferred)

    def linger(self, point: Point, reason_to_go: Callable[[], str | None]) -> str:
        """Stay at this point and carry requests out, until any rank has a reason to go on; return it.

        Every rank must call it.
        """
        beat = functools.partial(self._beat, point)
        reason = Heartbeat(self.trainer, self._agreement, beat).until(reason_to_go)
        self._cadence.agreed(1)
        return reason

    def _beat(self, point: Point) -> None:
        self.progress()
        entries, _ = self._agreement.share(self._offer(), 1)
        if entries:
            self._carry_out_all(entries, point)
            self._visit(point)

    def progress(self) -> None:
        """Tell how far training is."""
        if self.freak is not None:
            self.freak.publish(step=self.trainer.global_step, epoch=self.trainer.current_epoch)

    def _agree(self, point: Point) -> None:
        offer = self._offer()
        started = time.perf_counter()
        entries, next_in = self._agreement.share(offer, self._next_in())
        took = time.perf_counter() - started
        self._cadence.agreed(next_in, None if entries else took)
        self._carry_out_all(entries, point)

    def _next_in(self) -> int:
        """Return, on rank zero, how many steps on the next point shall be: sooner for what is scheduled."""
        usual = self._cadence.proposal()
        scheduled = self.store.steps_until_due(self.trainer.global_step)
        return usual if scheduled is None else max(1, min(usual, scheduled))

    def _offer(self) -> list[dict[str, Any]] | None:
        """Return what rank zero decides to do now, for all."""
        if not self.trainer.is_global_zero:
            return None
        due = self.store.take(self.trainer.global_step, self.trainer.current_epoch)
        return [{"id": e.receipt_id, **e.write.to_json()} for e in due] or None

    def _carry_out_all(self, shared: list[dict[str, Any]] | None, point: Point) -> None:
        entries = [Entry(one["id"], Write.from_json(one)) for one in shared or ()]
        deferred, self._deferred = self._deferred, []
        for entry in deferred + entries:
            if entry.write.kind == "action" and not point.exact:
                self._deferred.append(entry)
            else:
                self._carry_out(entry, point)

    def _carry_out(self, entry: Entry, point: Point) -> None:
        """Apply one request on this rank, agree with the others on how that went, write the receipt."""
        self.point = point
        memento = self.store.memento()
        attempt = self._attempt(entry.write)
        failure = self.agree_on(attempt.failure)
        if attempt.not_yet and failure is None:
            self._deferred.append(entry)
            return
        if failure is not None and attempt.changes:
            self.store.revert(memento)
            for name in _touched(attempt.changes):
                self._apply_quietly(self._sections[name])
        if self.freak is not None:
            applied = Applied(step=point.step, epoch=point.epoch, ranks=self.trainer.world_size)
            shown = () if failure else attempt.changes
            self.store.complete(entry.receipt_id, applied, shown, result=attempt.result, error=failure)

    def _attempt(self, write: Write) -> _Attempt:
        attempt = _Attempt()
        try:
            if write.kind == "action":
                attempt.result = self._call(write)
            else:
                attempt.changes = self.store.apply(write)
                attempt.result = self._apply(attempt.changes)
        except NotYet:
            attempt.not_yet = True
        except Refused as refused:
            attempt.failure = refused
        except Exception as error:
            logger.exception("a request failed on rank %d; it is taken back on all", self.trainer.global_rank)
            attempt.failure = Failed(f"{type(error).__name__}: {error}")
        return attempt

    def _call(self, write: Write) -> Any:
        # Not Action.call, which makes one kind of failure of everything that an action raises.
        action = self.store.actions[str(write.name)]
        result = action.function(**action.validate(write.body))
        return to_jsonable_python(result, fallback=repr, inf_nan_mode="null")

    def agree_on(self, failure: Refused | None) -> Refused | None:
        """Return this rank's failure or, where it has none, the first other rank's; None if all went well.

        Every rank must call it.
        """
        return agreed_failure(self._agreement, failure)

    def save(
        self, dirpath: str | os.PathLike[str] | None, name: str, *, weights_only: bool = False
    ) -> dict[str, Any]:
        """Save a checkpoint on all ranks (``ExactCheckpoint.save``). Every rank must call it."""
        return self.checkpoints.save(dirpath, name, weights_only=weights_only)

    def record(self, name: str, point: Point, result: Any, failure: Refused | None = None) -> None:
        """Write a receipt, on rank zero, for something a control did by itself."""
        if self.freak is not None:
            applied = Applied(step=point.step, epoch=point.epoch, ranks=self.trainer.world_size)
            self.store.record(name, applied, result, error=failure)

    # -- inside ----------------------------------------------------------------------------------

    def _apply(self, changes: Sequence[Any]) -> Any:
        results = {n: self._sections[n].apply(self.trainer, self.pl_module) for n in _touched(changes)}
        told = {name: result for name, result in results.items() if result is not None}
        return told or None

    def _apply_quietly(self, control: ControlCallback) -> None:
        try:
            control.apply(self.trainer, self.pl_module)
        except Exception:
            logger.exception("%s could not go back to its former state", type(control).__name__)

    def _visit(self, point: Point) -> None:
        for control in self.controls:
            if type(control).on_control_point is not ControlCallback.on_control_point:
                control.on_control_point(self.trainer, self.pl_module, point)

    def _point(self, **facts: bool) -> Point:
        return Point(step=self.trainer.global_step, epoch=self.trainer.current_epoch, **facts)

    def close(self, error: BaseException | None = None) -> None:
        """End the server and let go of the trainer; ``error`` is what ended the fit; twice is fine."""
        freak, self.freak = self.freak, None
        if freak is not None:
            freak.stop(error)
        for control in self.controls:
            control.session = None

    def close_group(self) -> None:
        """Let go of the agreement."""
        self._agreement.close()


def _touched(changes: Sequence[Any]) -> list[str]:
    """Return the sections in which something changed, each once."""
    return list(dict.fromkeys(change.path.split("/")[1] for change in changes))
