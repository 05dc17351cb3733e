"""The driver: Lightning's hooks, in the one place where they become control points.

    on_fit_start           the session begins; the server starts on global rank zero
    on_train_start         control point: what a resume brought along, what waits already
    on_train_epoch_start   wakes up
    every batch, while awake
        on_train_batch_start    what controls have put off until this batch
        on_train_batch_end      control point after an optimizer step, unless a validation is due now
        on_validation_end       control point after the validation that was due, or that an action asked for
    on_train_epoch_end     control point through strategy.broadcast, whatever ``sync`` is
    on_train_end           last control point
    teardown, on_exception the session ends

The driver sits behind the last control in the trainer's callbacks while it fits, so that what it saves has
seen all of them. In one process it sleeps, its hooks of every batch hidden from Lightning, until a request
arrives. With several ranks it counts batches, since all ranks must come to the same point.
"""

import logging
from functools import partial
from types import MappingProxyType

from freak_lightning.checkpoint.contents import AddedContents
from freak_lightning.checkpoint.rebuilt_on_resume import Dtypes, dtypes_of
from freak_lightning.control import Control
from freak_lightning.lightning_api.callbacks import callbacks_of, set_callbacks
from freak_lightning.lightning_api.checkpoints import Checkpoint
from freak_lightning.lightning_api.hidden_hooks import hide_hook, hide_inherited_hooks, show_hook, show_hooks
from freak_lightning.lightning_api.loaders import restore_loader_position
from freak_lightning.lightning_api.loops import begin_next_epoch, is_optimizer_boundary, validation_due
from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer
from freak_lightning.lightning_api.progress import horizon, progress
from freak_lightning.lightning_api.validation import (
    make_validation_loaders,
    skips_validation,
)
from freak_lightning.ranks.presence import Presence
from freak_lightning.session.live_requests import LiveRequests
from freak_lightning.session.session import ControlSession

logger = logging.getLogger("freak")


class SessionDriver(Callback):
    """Drives the session of one fit."""

    def __init__(self, dtypes: Dtypes = MappingProxyType({})) -> None:
        self._dtypes = dtypes
        self._contents = AddedContents()
        self._begin_anew()

        self._presence: Presence | None = None

    def _begin_anew(self) -> None:
        self._session: ControlSession | None = None
        self._ours: list[Callback] = []
        self._due_after_validation = False
        self._validated = False
        self._quiet = False
        self._sleeps = False
        self._foreseeable = False
        self._horizon: dict[str, int | None] = {}
        self._epoch: int | None = None

    @classmethod
    def attach(cls, trainer: Trainer) -> None:
        """Put a driver behind the last control, unless there is one; count this rank for all others."""
        callbacks = callbacks_of(trainer)
        driver = next((callback for callback in callbacks if isinstance(callback, cls)), None)
        if driver is None:
            last = max(i for i, callback in enumerate(callbacks) if isinstance(callback, Control))
            # The precision plugin has not converted the model yet.
            driver = cls(dtypes_of(trainer.lightning_module))
            set_callbacks(trainer, [*callbacks[: last + 1], driver, *callbacks[last + 1 :]])
        if driver._presence is None:
            names = [type(callback).__name__ for callback in callbacks if isinstance(callback, Control)]
            driver._presence = Presence(names, trainer.world_size)
            driver._presence.tell()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the session."""
        show_hooks([self])  # a fit that failed may have left one hidden
        self._begin_anew()
        self._ours = [each for each in callbacks_of(trainer) if isinstance(each, Control) or each is self]
        presence, self._presence = self._presence, None
        lacking = presence.lacking() if presence is not None else None
        if lacking is not None:
            logger.error(lacking)
            return
        self._session = session = ControlSession(trainer, pl_module, self._ours)
        if presence is not None:
            presence.forget()
        self._foreseeable = all(_changes_with_requests_only(control) for control in session.controls)
        self._recall()
        if session.freak is not None:
            session.freak.observe(partial(self._progress, trainer, session))
        hide_inherited_hooks(self._ours)
        hide_hook(self, "on_train_batch_start")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """First control point: applies what the checkpoint holds."""
        restore_loader_position(trainer)
        begin_next_epoch(trainer)
        self._contents.restore_orders(trainer)
        self._contents.restore_metrics(trainer)
        if self._session is not None:
            self._sleeps = self._session.requests.wake_with(self._wake)
            self._session.checkpoints.begin(self._dtypes)
            self._session.start()
            self._after_point(trainer, self._session)
        self._contents.restore_rng_states(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Add what Freak wants in every checkpoint."""
        if self._session is not None:
            self._note_applied(self._session)
        self._contents.add_to(checkpoint)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Keep what was added until training starts."""
        self._contents.take_from(checkpoint)
        self._recall()

    def _note_applied(self, session: ControlSession) -> None:
        with session.store.locked():
            self._contents.applied_requests = session.store.keys.applied(session.store.receipts)

    def _recall(self) -> None:
        """Let nothing be applied again that was before the checkpoint; some strategies load it late."""
        if self._session is not None:
            self._session.store.keys.recall(self._contents.applied_requests)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the first batch: how the epoch goes may have changed."""
        self._wake()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Do what controls have put off until this batch."""
        hide_hook(self, "on_train_batch_start")
        if self._session is not None:
            self._session.begin_batch()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Control point after an optimizer step, unless a validation comes first."""
        if self._session is None:
            return
        if self._quiet and not trainer.is_last_batch and self._session.requests.skip():
            return
        self._due_after_validation = False  # one that was due before did not come
        if is_optimizer_boundary(trainer):
            self._after_step(trainer, self._session)
            self._rest(trainer, self._session)

    def _after_step(self, trainer: Trainer, session: ControlSession) -> None:
        if self._epoch != trainer.current_epoch:
            self._tell_horizon(trainer)
        if session.idle(last_batch=trainer.is_last_batch):
            return  # whether a validation is due is not worth asking
        self._due_after_validation = validation_due(trainer) and self._validation_comes(session, trainer)
        if not self._due_after_validation:
            after_validation, self._validated = self._validated, False
            self._at_boundary(trainer, after_validation=after_validation)
            # An action has asked for a validation.
            self._due_after_validation = session.deferred and self._validation_comes(session, trainer)

    def _rest(self, trainer: Trainer, session: ControlSession) -> None:
        """Until there is something to do, sleep or do no more than count; equal on all ranks."""
        busy = self._due_after_validation or session.deferred or session.waiting or not self._foreseeable
        self._quiet = not busy and trainer.accumulate_grad_batches == 1
        if self._sleeps and not busy:
            hide_hook(self, "on_train_batch_end")
            if session.requests.waiting:  # it came before the hook was hidden
                self._wake()

    def _wake(self) -> None:
        self._quiet = False
        show_hook(self, "on_train_batch_end")

    def _progress(self, trainer: Trainer, session: ControlSession) -> tuple[object, dict[str, object]]:
        """Say how far training is and what is in force, twice a second; a program may have set a section."""
        if self._sleeps and session.waiting:
            self._wake()
        mark, facts = progress(trainer, session.beats)
        told: dict[str, object] = {**facts}
        agreement = session.requests.cost() if isinstance(session.requests, LiveRequests) else None
        if agreement is not None:
            told["agreement"] = agreement
        if session.in_force is None:
            return mark, told
        try:
            in_force = session.in_force.read()
        except Exception:  # the training may change a group this very moment
            logger.debug("what is in force cannot be read; it is read again", exc_info=True)
            return mark, told
        return (mark, in_force), {**told, "in_force": in_force}

    def _validation_comes(self, session: ControlSession, trainer: Trainer) -> bool:
        """Return whether the validation that is due comes on all ranks; every rank must call it.

        A rank whose validation loader is empty gets no on_validation_end: then no rank may wait for it. Asked
        each time, since loaders and limits may have changed since the last one.
        """
        make_validation_loaders(trainer)  # without a sanity check Lightning makes them only now, after us
        return not session.on_any_rank(skips_validation(trainer))

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publish the phase."""
        self._pass_through("sanity checking")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publish the phase."""
        if not trainer.sanity_checking:
            self._pass_through("validating")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Control point after a validation within training."""
        if self._session is None or trainer.sanity_checking:
            return
        self._pass_through("paused" if self._session.stands_still else "training")
        # A validation by the clock comes at different batches on different ranks: act after the next step.
        self._validated = self._session.waiting
        if self._due_after_validation:
            self._due_after_validation = self._validated = False
            self._at_boundary(trainer, after_validation=True)
        self._wake()

    def _at_boundary(self, trainer: Trainer, *, after_validation: bool) -> None:
        if self._session is not None:
            self._session.at_boundary(last_batch=trainer.is_last_batch, after_validation=after_validation)
            self._after_point(trainer, self._session)

    def _after_point(self, trainer: Trainer, session: ControlSession) -> None:
        self._tell_horizon(trainer)
        if session.before_next_batch:
            show_hook(self, "on_train_batch_start")

    def _pass_through(self, phase: str) -> None:
        if self._session is not None and self._session.freak is not None:
            self._session.freak.publish(phase=phase)

    def _tell_horizon(self, trainer: Trainer) -> None:
        """Tell how far the fit means to go, where that is news."""
        freak = self._session.freak if self._session is not None else None
        self._epoch = trainer.current_epoch
        now = horizon(trainer) if freak is not None else {}
        if freak is not None and now != self._horizon:
            freak.phase("training", **now)
        self._horizon = now

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Control point of every strategy."""
        if self._session is not None:
            self._session.at_epoch_end()
            self._after_point(trainer, self._session)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Last control point."""
        if self._session is not None:
            self._session.at_train_end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the session; ranks may be anywhere, so no collective."""
        if self._session is None:
            self._leave(trainer)
        self._end(trainer, exception)  # and stay: callbacks behind ours may still save checkpoints

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """End the session and leave the trainer as it was."""
        self._end(trainer)
        self._leave(trainer)

    def _leave(self, trainer: Trainer) -> None:
        set_callbacks(trainer, [callback for callback in callbacks_of(trainer) if callback is not self])

    def _end(self, trainer: Trainer, error: BaseException | None = None) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._note_applied(session)
            show_hooks(self._ours)
            session.close(error)
            session.close_group()


def _changes_with_requests_only(control: Control) -> bool:
    """Return whether ``waits()`` changes with requests only; other controls are asked after every step."""
    return type(control).waits.__module__.partition(".")[0] == Control.__module__.partition(".")[0]
