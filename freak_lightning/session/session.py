"""The session: a replicated log of requests that every rank applies in the same order at the same step."""

import functools
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from freak_core import Action, ConfigurationError, Entry, Failed, Freak, Refused, Store
from freak_lightning.checkpoint.saver import CheckpointSaver, SavedCheckpoint
from freak_lightning.control import ControlCallback
from freak_lightning.control_point import Point
from freak_lightning.controls.graceful_stop import GracefulStop
from freak_lightning.controls.replay import Replay, ReplayedRequests, facts_of
from freak_lightning.lightning_api.loops import trained_batches
from freak_lightning.lightning_api.namespace import (
    Callback,
    LightningModule,
    Trainer,
    rank_zero_info,
    rank_zero_warn,
)
from freak_lightning.lightning_api.signals import sigterm_flag
from freak_lightning.lightning_api.strategies import collective_timeout
from freak_lightning.ranks.cadence import Sync
from freak_lightning.ranks.collectives import agreed_failure, collectives_for, on_any
from freak_lightning.ranks.heartbeat import Heartbeat
from freak_lightning.session.execution import Attempt, attempted
from freak_lightning.session.live_requests import LiveRequests
from freak_lightning.session.restored import restored_sections
from freak_lightning.session.sections import actions_of, only_one, prepare, root_of, sections_of

logger = logging.getLogger("freak")


class ControlSession:
    """What all controls of one fit share: the store, the server on rank zero, and the ranks' collectives.

    Rank zero takes the requests; at a control point the ranks agree on them, apply them to their replica of
    the state one by one, tell each other how that went, and rank zero writes the receipt. A request that
    fails on one rank is taken back on all.

    Raises:
        ConfigurationError: two controls want the same section or action, or different servers.
    """

    def __init__(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        controls: Sequence[ControlCallback],
        driver: Callback,
    ) -> None:
        self.trainer = trainer
        self.pl_module = pl_module
        self.controls = list(controls)
        prepare(self.controls, trainer, pl_module)
        self._sections = sections_of(self.controls)
        actions = actions_of(self.controls, trainer, pl_module)
        sync = only_one("sync", [control.sync for control in self.controls])
        freak = only_one("freak", [control.freak for control in self.controls])
        self._collectives = collectives_for(trainer.world_size, trainer.strategy, collective_timeout(trainer))
        self._deferred: list[Entry] = []
        self._done: dict[str, Attempt] = {}  # requests that other ranks have not yet done
        self._due = self._waits_in_vain = False
        self.beats = 0
        self.point = self._point()
        self.checkpoints = CheckpointSaver(trainer, [*controls, driver], self._collectives)
        self.freak: Freak | None = None
        root = root_of(self._sections)
        error = self._serve(freak, root, actions) if trainer.is_global_zero else None
        error = trainer.strategy.broadcast(error, src=0)
        if error is not None:
            self.close()
            self.close_group()
            raise ConfigurationError(error)
        self.store = self.freak.store if self.freak else Store(root, "sync", actions=actions)
        # Before any request, whatever a checkpoint has brought along.
        self.store.reset_to({name: control.initial_document() for name, control in self._sections.items()})
        self.requests = self._requests_from(sync if sync is not None else "auto")
        for control in self.controls:
            control.session = self

    def _serve(self, freak: Freak | None, root: BaseModel, actions: dict[str, Action]) -> str | None:
        """Start the server; return what the user must mend, if anything."""
        try:
            freak = freak or Freak()
            for name, action in actions.items():
                freak.action(name=name, confirm=action.confirm)(action.function)
            self.freak = freak.control(root, apply="sync")
            self.freak.phase("starting", **facts_of(self.trainer), saves_to=self._saves_to())
        except ConfigurationError as error:
            return str(error)
        except Exception:
            logger.exception("Freak cannot serve; training goes on without remote control")
        return None

    def _saves_to(self) -> str:
        """Return the folder that a stop saves to."""
        given = next((each.dirpath for each in self.controls if isinstance(each, GracefulStop)), None)
        return str(given or Path(self.trainer.default_root_dir) / "checkpoints")

    def _requests_from(self, sync: Sync) -> LiveRequests | ReplayedRequests:
        replay = only_one("replay", [c for c in self.controls if isinstance(c, Replay)])
        if replay is None:
            return LiveRequests(self.trainer, self.store, self._collectives, sync)
        try:
            return ReplayedRequests(self.trainer, self.store, replay.read(self.trainer))
        except ConfigurationError:
            self.close()
            self.close_group()
            raise

    def start(self) -> None:
        """Apply what a checkpoint brought along, then whatever waits."""
        for name, failure in restored_sections(self._sections, self._collectives).items():
            self._restore(name, self._sections[name], failure)
        if self.freak is not None:
            self.freak.phase("training")
        self._carry_out_all(self.requests.at(self._point()), self._point())

    def _restore(self, name: str, control: ControlCallback, failure: Refused | None) -> None:
        """Apply a section that a checkpoint brought along, on all ranks or on none."""
        told: dict[str, Any] = {name: None}
        try:
            told[name] = control.state.model_dump(mode="json", fallback=repr)
            control.apply(self.trainer, self.pl_module)
        except Exception as error:
            logger.exception("%s cannot go on as the checkpoint says", type(control).__name__)
            failure = Failed(f"{type(error).__name__}: {error}")
        failure = self.agree_on(failure)
        if failure is not None:
            self._quietly(lambda: control.become(control.initial_document()), control)
            self._apply_quietly(control)
        self.record("restore", self._point(), told, failure)

    def idle(self, *, last_batch: bool) -> bool:
        """Count an optimizer step, and say whether there is nothing to do after it, on any rank."""
        self._due = self.requests.due(last_batch=last_batch)
        return not (self._due or self._deferred or self.waiting)

    @property
    def waiting(self) -> bool:
        """Whether a control has something to do at a point to come; equal on all ranks."""
        try:
            return any(control.waits() for control in self.controls)
        except Exception:
            told, self._waits_in_vain = self._waits_in_vain, True  # first: another thread asks, too
            if not told:
                logger.exception("a control fails to say whether it waits; it is asked at every point")
            return True

    def at_boundary(self, *, last_batch: bool, after_validation: bool) -> None:
        """Act after an optimizer step, and after its validation where one was due."""
        point = self._point(exact=True, last_batch=last_batch, after_validation=after_validation)
        if self._due or self._deferred:
            self._carry_out_all(self.requests.at(point), point)
        self._visit(point)

    def at_epoch_end(self) -> None:
        """Act at the end of an epoch, through the strategy: the cadence that every strategy guarantees."""
        point = self._point(epoch_end=True)
        self._carry_out_all(self.requests.at_epoch_end(point), point)
        self._visit(point)

    def at_train_end(self) -> None:
        """Do what still waits for a better point: there is none any more."""
        deferred, self._deferred = self._deferred, []
        point = self._point()
        for entry in [*deferred, *self.requests.at_train_end(point)]:
            self._carry_out(entry, point)
        if self.requests.left_over():
            rank_zero_warn(f"{self.requests.left_over()} requests of the journal were never reached")

    @property
    def deferred(self) -> bool:
        """Whether a request waits for training to go on; equal on all ranks."""
        return bool(self._deferred)

    def linger(
        self, point: Point, reason_to_go: Callable[[], str | None], before_sigterm: Callable[[], None]
    ) -> str:
        """Stay at this point and carry requests out, until any rank has a reason to go on; return it.

        Every rank must call it. On SIGTERM, all call ``before_sigterm`` before the signal has its effect. A
        replay has no requests to wait for, and goes on at once.
        """
        if not self.requests.live:
            return "replay"
        beat = functools.partial(self._beat, point)
        flag = sigterm_flag(self.trainer)
        return Heartbeat(flag, self._collectives, beat, before_sigterm).until(reason_to_go)

    def _beat(self, point: Point) -> None:
        self.beats += 1
        entries = self.requests.at_beat()
        if entries:
            self._carry_out_all(entries, point)
            self._visit(point)

    def _carry_out_all(self, arrived: list[Entry], point: Point) -> None:
        deferred, self._deferred = self._deferred, []
        held = False  # what came after a request that must wait waits too
        for entry in [*deferred, *arrived]:
            held = held or (entry.write.kind == "action" and not point.exact)
            if held:
                self._deferred.append(entry)
            else:
                held = not self._carry_out(entry, point)

    def _carry_out(self, entry: Entry, point: Point) -> bool:
        """Apply one request on this rank, agree with the others on how that went, write the receipt.

        Returns:
            Whether the request has ended; else it waits for a later point.
        """
        self.point = point
        memento = self.store.memento()
        attempt = self._done.pop(entry.receipt_id, None) or attempted(
            entry.write, self.store, self._sections, self.trainer, self.pl_module
        )
        failure = self.agree_on(attempt.failure)
        if failure is None and entry.write.kind == "action" and on_any(self._collectives, attempt.not_yet):
            if not attempt.not_yet:
                self._done[entry.receipt_id] = attempt
            self._deferred.append(entry)
            return False
        if failure is not None and attempt.changes:
            self._quietly(lambda: self.store.revert(memento), self.store)
            for name in attempt.touched:
                self._apply_quietly(self._sections[name])
        if self.freak is not None:
            shown = () if failure else attempt.changes
            applied = point.applied(self.trainer.world_size)
            told = self.store.complete(entry.receipt_id, applied, shown, result=attempt.result, error=failure)
            rank_zero_info(f"Freak: {told}")
        return True

    def agree_on(self, failure: Refused | None) -> Refused | None:
        """Return this rank's failure or, where it has none, the first other rank's; None if all went well.

        Every rank must call it.
        """
        return agreed_failure(self._collectives, failure)

    def save(
        self,
        dirpath: str | os.PathLike[str] | None,
        name: str,
        *,
        weights_only: bool = False,
        replace: bool = False,
    ) -> SavedCheckpoint:
        """Save a checkpoint on all ranks (``CheckpointSaver.save``). Every rank must call it."""
        return self.checkpoints.save(dirpath, name, weights_only=weights_only, replace=replace)

    def record(self, name: str, point: Point, result: Any, failure: Refused | None = None) -> None:
        """Write a receipt, on rank zero, for something a control did by itself."""
        if self.freak is not None:
            self.store.record(name, point.applied(self.trainer.world_size), result, error=failure)

    # -- inside ----------------------------------------------------------------------------------

    def _apply_quietly(self, control: ControlCallback) -> None:
        self._quietly(lambda: control.apply(self.trainer, self.pl_module), control)

    def _quietly(self, go_back: Callable[[], Any], what: object) -> None:
        """Go back to a former state. The other ranks wait in the next collective, so nothing may end here."""
        try:
            go_back()
        except Exception:
            logger.exception("%s could not go back to its former state", type(what).__name__)

    def _visit(self, point: Point) -> None:
        for control in self.controls:
            try:
                control.on_control_point(self.trainer, self.pl_module, point)
            except Exception:
                logger.exception("%s failed at a control point; training goes on", type(control).__name__)

    def _point(self, **facts: bool) -> Point:
        trainer, batch = self.trainer, None
        if not self.pl_module.automatic_optimization:
            batch = trained_batches(trainer)
        return Point(step=trainer.global_step, epoch=trainer.current_epoch, batch=batch, **facts)

    def close(self, error: BaseException | None = None) -> None:
        """End the server and let go of the trainer; ``error`` is what ended the fit; twice is fine."""
        freak, self.freak = self.freak, None
        if freak is not None:
            freak.stop(error)
        for control in self.controls:
            control.session = None

    def abandon(self) -> None:
        """End a session whose fit has failed without its controls hearing of it."""
        missed = RuntimeError("the fit before this one failed, and so did another callback's on_exception")
        for control in self.controls:
            control.on_exception(self.trainer, self.pl_module, missed)
        self.close(missed)
        self.close_group()

    def close_group(self) -> None:
        """Free the ranks' process group."""
        self._collectives.close()
