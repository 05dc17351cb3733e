"""The session: a replicated log of requests that every rank applies in the same order at the same step."""

import logging
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from freak_core import ConfigurationError, Ending, Entry, Failed, Freak, Refused, Store
from freak_lightning.checkpoint.saver import CheckpointSaver, SavedCheckpoint
from freak_lightning.control import Control, JournalLine
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.loops import logged_step, trained_batches
from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer, rank_zero_warn
from freak_lightning.lightning_api.signals import sigterm_flag
from freak_lightning.lightning_api.strategies import collective_timeout
from freak_lightning.optimizers.in_force import InForce
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from freak_lightning.ranks.cadence import Sync
from freak_lightning.ranks.collectives import (
    NO_GROUP,
    agreed_failure,
    collectives_for,
    end_if_interrupted,
    on_any,
)
from freak_lightning.ranks.deferred_signal import deferred
from freak_lightning.ranks.first_failure import FirstFailure
from freak_lightning.ranks.heartbeat import INTERRUPT, SIGTERM, heartbeat
from freak_lightning.ranks.interrupts import Interrupted, KeptInterrupt, failure_of
from freak_lightning.ranks.lost_ranks import RanksLost
from freak_lightning.session.agreed_waits import AgreedWaits
from freak_lightning.session.execution import Execution, go_back
from freak_lightning.session.fingerprint import with_weights
from freak_lightning.session.fit_ending import fit_ending
from freak_lightning.session.live_requests import LiveRequests
from freak_lightning.session.program_changes import ProgramChanges
from freak_lightning.session.replayed_requests import ReplayedRequests
from freak_lightning.session.sections import (
    actions_of,
    check_dry_run,
    only_one,
    prepare,
    recorded_requests_of,
    restored_sections,
    root_of,
    sections_of,
)
from freak_lightning.session.serving import served
from freak_lightning.session.setup_facts import told_setup

logger = logging.getLogger("freak")


class ControlSession:
    """What all controls of one fit share: the store, the server on rank zero, and the ranks' collectives.

    Rank zero takes the requests; at a control point the ranks agree on them, apply them to their replica of
    the state one by one, tell each other how that went, and rank zero writes the receipt. A request that
    fails on one rank is taken back on all.

    Args:
        trainer: the trainer that fits.
        pl_module: the model it trains.
        ours: the controls and the driver, in the order of the trainer's callbacks.

    Raises:
        ConfigurationError: two controls want the same section or action, or different servers.
    """

    def __init__(self, trainer: Trainer, pl_module: LightningModule, ours: Sequence[Callback]) -> None:
        self.trainer = trainer
        self.pl_module = pl_module
        self.controls: list[Control] = [each for each in ours if isinstance(each, Control)]
        self._ours = ours
        self.beats: int = 0
        """Heartbeats so far: they show that a training that stands still has not stalled."""
        self._stop: dict[str, object] | None = None
        self._ending = Ending("finished")
        self._closed = False
        self.before_next_batch: list[Callable[[], None]] = []
        """What a control wants to do once, on this rank, as the next batch begins."""
        self.overlay: ParamGroupOverlay | None = None
        """The overrides of param groups; None before training starts, or where none can be."""
        self.why_no_overlay: str = "training has not started"
        self.in_force: InForce | None = None
        """Tells what the steps use; None before training starts, when nothing is in force."""
        self.freak: Freak | None = None
        self.interrupt: KeptInterrupt = KeptInterrupt()
        timeout = collective_timeout(trainer)
        self._collectives, no_group = collectives_for(trainer.world_size, trainer.strategy, timeout)
        if no_group:
            rank_zero_warn(NO_GROUP.format(no_group))
        self.checkpoints: CheckpointSaver = CheckpointSaver(trainer, ours, self._collectives)
        sync, journal = self._begin()
        self.store.on_dry_run = partial(check_dry_run, self._sections, trainer, pl_module)
        # Before any request, whatever a checkpoint has brought along.
        self.store.reset_to({name: control.initial_document() for name, control in self._sections.items()})
        self.requests: LiveRequests | ReplayedRequests
        if journal is None:
            self.requests = LiveRequests(trainer, self.store, self._collectives, sync)
        else:
            self.requests = ReplayedRequests(trainer, self.store, journal)
        self._programs = ProgramChanges(self._sections, self.store, is_rank_zero=trainer.is_global_zero)
        self._execution = Execution(
            trainer,
            pl_module,
            self.store,
            self._sections,
            self._collectives,
            self._programs,
            self.interrupt,
        )
        self._due = self._pause_interrupted = False
        alone = trainer.world_size == 1
        self._agreed = AgreedWaits(self.controls, self._collectives, self.interrupt, alone=alone)
        self.point: Point = self._point()
        for control in self.controls:
            with self._logged(control):
                control.on_session(self)

    def _begin(self) -> tuple[Sync, Sequence[JournalLine] | None]:
        """Prepare the controls and start the server on rank zero: on all ranks, or all ranks raise.

        Raises:
            ConfigurationError: on all ranks, if some rank cannot.
        """
        self._first_failure = FirstFailure("", 0, 1)
        failure: Refused | None = None
        journal: Sequence[JournalLine] | None = None
        sync: Sync = "auto"
        try:
            prepare(self.controls, self.trainer, self.pl_module)
            self._sections = sections_of(self.controls)
            actions = actions_of(self.controls, self.trainer, self.pl_module)
            sync = only_one("sync", [control.sync for control in self.controls]) or sync
            freak = only_one("freak", [control.freak for control in self.controls])
            journal = recorded_requests_of(self.controls, self.trainer)
            root = root_of(self._sections)
            if self.trainer.is_global_zero:
                self.freak = served(freak, root, actions, self.controls, self.trainer)
            self.store: Store = self.freak.store if self.freak else Store(root, "sync", actions=dict(actions))
        except ConfigurationError as error:
            failure = Failed(str(error))
        except BaseException as error:
            logger.exception("the controls cannot begin")
            failure = failure_of(error)
        failure = self.agree_on(failure)
        if failure is not None:
            self.close()
            self.close_group()
            raise failure.error if isinstance(failure, Interrupted) else ConfigurationError(failure.detail)
        key, _ = self._collectives.broadcast(secrets.token_hex(4), 0)
        rank, world_size = self.trainer.global_rank, self.trainer.world_size
        self._first_failure = FirstFailure(f"freak/{key}/failed", rank, world_size)
        if self.freak is not None:
            self._first_failure.watch(partial(_tell_failure, self.freak))
        return sync, self._collectives.broadcast(journal, 0)[0]

    # -- control points, called by the driver on every rank --------------------------------------

    def start(self) -> None:
        """Apply what a checkpoint brought along, then the requests that wait already."""
        self._override_param_groups()
        point = self._point()
        for name, failure in restored_sections(self._sections, self._collectives).items():
            self._restore(name, self._sections[name], failure, point)
        setup = told_setup(self.trainer)
        if isinstance(self.requests, ReplayedRequests):
            self.requests.begin(setup)
        if self.freak is not None:
            self.freak.phase("training", setup=setup)
        self._programs.become_requests()
        self._act(point)
        self._agreed.begin()

    def _act(self, point: Point) -> None:
        """Carry out what is due at this point."""
        if isinstance(self.requests, ReplayedRequests):
            point = with_weights(point, self.point, self.pl_module)
            self.requests.compare(point)
        entries = self.requests.at(point)
        self._carry_out(entries, with_weights(point, self.point, self.pl_module) if entries else point)

    def _override_param_groups(self) -> None:
        try:
            self.overlay = ParamGroupOverlay(lambda: self.trainer.optimizers)
        except TypeError as error:
            self.why_no_overlay = str(error)  # for the answer to a request; training goes on
        else:
            self.overlay.attach()
        self.in_force = InForce(self.trainer, self.overlay)

    def _restore(self, name: str, control: Control, failure: Refused | None, point: Point) -> None:
        """Apply a section that a checkpoint brought along, on all ranks or on none."""
        result: dict[str, object] = {name: None}
        try:
            result[name] = control.state.model_dump(mode="json", fallback=repr)
            control.apply(self.trainer, self.pl_module)
        except BaseException as error:
            logger.exception("%s cannot go on as the checkpoint says", type(control).__name__)
            failure = failure_of(error)
        failure = self.agree_on(failure)
        if failure is not None:
            go_back(lambda: control.become(control.initial_document()), control, self.interrupt)
            go_back(lambda: control.apply(self.trainer, self.pl_module), control, self.interrupt)
        self.record("restore", point, result, failure)
        if isinstance(failure, Interrupted):
            raise failure.error

    def idle(self, *, last_batch: bool) -> bool:
        """Count an optimizer step; return whether no rank has anything to do after it."""
        self._due = self.requests.due(last_batch=last_batch)
        return not (self._due or self.deferred or self.waiting)

    def begin_batch(self) -> None:
        """Do what controls have put off until this batch."""
        put_off, self.before_next_batch = self.before_next_batch, []
        for act in put_off:
            try:
                act()
            except Exception:
                logger.exception("what a control has put off until this batch failed; training goes on")

    def at_boundary(self, *, last_batch: bool, after_validation: bool) -> None:
        """Act after an optimizer step, and after its validation where one was due."""
        point = self._point(exact=True, last_batch=last_batch, after_validation=after_validation)
        self._programs.become_requests()
        alone = self.trainer.world_size == 1
        if self._due or self.deferred or (alone and self.requests.waiting):
            self._act(point)
        self._visit(point)

    def at_epoch_end(self) -> None:
        """Act at the end of an epoch, through the strategy: the cadence that every strategy guarantees."""
        point = self._point(epoch_end=True)
        self._programs.become_requests()
        entries = self.requests.at_epoch_end(point)
        self._carry_out(entries, with_weights(point, self.point, self.pl_module) if entries else point)
        self._visit(point)

    def at_train_end(self) -> None:
        """Carry out the requests that still wait for a better point: none follows."""
        point = self._point()
        self._carry_out(self.requests.at_train_end(point), point, last=True)
        end_if_interrupted(self._collectives, self.interrupt)
        # Only rank zero knows who has asked for a stop.
        told, _ = self._collectives.broadcast(self._how_it_ended().facts(), 1)
        self._ending = Ending(**told)
        if self.requests.left_over():
            rank_zero_warn(f"{self.requests.left_over()} requests of the journal were never reached")

    @property
    def waiting(self) -> bool:
        """Whether a control has something to do at a point to come; equal on all ranks."""
        return self._agreed.waits

    @property
    def stands_still(self) -> bool:
        """Whether a validation only interrupts a pause, which goes on after it."""
        return self._pause_interrupted

    @property
    def deferred(self) -> bool:
        """Whether a request waits for training to go on; equal on all ranks."""
        return bool(self._execution.deferred)

    def _carry_out(self, entries: Sequence[Entry], point: Point, *, last: bool = False) -> None:
        self.point = point
        self._agreed.exchanged(bool(entries) or self.deferred)
        self._execution.carry_out(entries, point, last=last)

    def _visit(self, point: Point) -> None:
        """Call every control, then stand still as long as one of them pauses the training."""
        self._call_controls(point)
        # Only at an exact point, so that a checkpoint saved meanwhile is exact.
        pauses = self._agreed.renew(self._pauses if point.exact else None)
        if point.exact and (pauses or self._pause_interrupted):
            self._stand_still(point)

    def _call_controls(self, point: Point) -> None:
        for control in self.controls:
            with self._logged(control), self._programs.visit(control):
                control.on_control_point(self.trainer, self.pl_module, point)

    @contextmanager
    def _logged(self, control: Control) -> Iterator[None]:
        """Log what a control raises: training goes on, and other ranks may wait for this one.

        An interrupt is kept until the ranks agree the next time.
        """
        try:
            yield
        except RanksLost:
            raise
        except Interrupted as interrupted:  # on all ranks, here
            raise interrupted.error from None
        except BaseException as error:
            logger.exception("%s failed; training goes on", type(control).__name__)
            self.interrupt.keep(error)

    # -- the pause -------------------------------------------------------------------------------

    def _stand_still(self, point: Point) -> None:
        """Stay at this point and carry requests out, until any rank has a reason to go on.

        A replay has no requests to wait for, and goes on at once. Where SIGTERM has come to one rank, it is
        handled on every rank, after the controls have done what is due before.
        """
        ended_by = None if self.requests.live else "replay"
        with deferred(signal.SIGTERM) as sigterm:
            while ended_by is None:
                ended_by = heartbeat(self._collectives, self._reason_to_go_on(bool(sigterm)))
                if ended_by is None:
                    self._beat(point)
            if ended_by == INTERRUPT:
                end_if_interrupted(self._collectives, self.interrupt)
            self._pause_interrupted = ended_by == "validation"
            for control in self.controls:
                with self._logged(control), self._programs.visit(control):
                    control.on_pause_end(self.trainer, point, ended_by)
            if ended_by == SIGTERM:
                # All ranks leave at this batch. With the flag set first, Lightning's handler does not send
                # the signal on to ranks that have it already.
                sigterm_flag(self.trainer).received_sigterm = True
                sigterm.append(signal.SIGTERM)

    def _reason_to_go_on(self, sigterm: bool) -> str | None:
        pauses = self._pauses()
        if self.interrupt.error is not None:
            return INTERRUPT
        if sigterm or self.trainer.received_sigterm:
            return SIGTERM
        if not pauses:
            return "control"
        return "validation" if self.deferred else None

    def _pauses(self) -> bool:
        pauses = False
        for control in self.controls:
            with self._logged(control):
                pauses = control.pauses(self.trainer) or pauses
        return pauses

    def _beat(self, point: Point) -> None:
        self.beats += 1
        self._programs.become_requests()
        entries = self.requests.at_beat()
        if entries:
            self._carry_out(entries, with_weights(point, self.point, self.pl_module))
            self._call_controls(point)

    # -- for controls ----------------------------------------------------------------------------

    def agree_on(self, failure: Refused | None) -> Refused | None:
        """Return this rank's failure or, where it has none, the first other rank's; None if all went well.

        Every rank must call it.
        """
        return agreed_failure(self._collectives, failure)

    def on_any_rank(self, here: bool) -> bool:
        """Return whether ``here`` is True on any rank. Every rank must call it."""
        return on_any(self._collectives, here)

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

    def record(self, name: str, point: Point, result: object, failure: Refused | None = None) -> None:
        """Write a receipt, on rank zero, for something a control did by itself."""
        if name == "stop" and failure is None and isinstance(result, dict):
            self._stop = result
        if self.freak is not None:
            applied = with_weights(point, self.point, self.pl_module).applied(self.trainer.world_size)
            self.store.record(name, applied, result, error=failure)

    # -- the end ---------------------------------------------------------------------------------

    def _point(self, **facts: Any) -> Point:
        trainer, batch = self.trainer, None
        if not self.pl_module.automatic_optimization:
            batch = trained_batches(trainer)
        step, logged = trainer.global_step, logged_step(trainer)
        # Lightning counts the batch, for loggers, after these hooks; before those of the end of an epoch.
        logged += bool(facts.get("exact"))
        return Point(
            step=step,
            logged_step=logged if logged != step else None,
            epoch=trainer.current_epoch,
            batch=batch,
            **facts,
        )

    def close(self, error: BaseException | None = None) -> None:
        """End the server and let go of the controls; ``error`` is what ended the fit. Twice is fine."""
        if self.overlay is not None:
            self.overlay.detach()
        freak, self.freak = self.freak, None
        error = self._first_failure.behind(error)
        how = Ending.of(error) if error is not None else self._ending
        if freak is not None:
            freak.stop(how)
        for control in self.controls:
            if not self._closed:
                control.ended = how
                if control.freak is not None:
                    control.freak.ended = how
            with self._logged(control):
                control.on_session(None)
        self._closed = True
        self.interrupt.end_here()

    def _how_it_ended(self) -> Ending:
        try:
            return fit_ending(self.trainer, self.store, self._stop)
        except Exception:
            logger.exception("Freak cannot say who stopped the training")
            return Ending("stopped" if self.trainer.should_stop else "finished")

    def abandon(self) -> None:
        """End a session whose fit failed while another callback kept ``on_exception`` from the controls."""
        missed = RuntimeError("the fit before this one failed, and so did another callback's on_exception")
        for callback in self._ours:
            if isinstance(callback, Control):
                callback.on_exception(self.trainer, self.pl_module, missed)
        self.close(missed)
        self.close_group()

    def close_group(self) -> None:
        """Free the ranks' process group."""
        self._collectives.close()


def _tell_failure(freak: Freak, what: str) -> None:
    """Say that another rank has failed; this one may wait for it in a collective, until its timeout."""
    freak.phase("failing", error=what)
