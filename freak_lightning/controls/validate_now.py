"""ValidateNow: one validation at the next optimizer step."""

from functools import partial

from freak_core import Failed, Rejected
from freak_lightning.checkpoint.rng_states import RngStates, collect_rng_states, restore_rng_states
from freak_lightning.control import NotYet, action
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.loops import validates_by_clock
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.lightning_api.validation import (
    last_validation_time,
    set_last_validation_time,
    validation_metrics,
)


class ValidateNow(ControlCallback):
    """Action ``validate``: exactly one validation after the next optimizer step, on all ranks.

    The receipt contains the validation's metrics. If a validation is due at that step anyway, no other one
    runs. The training goes on as if nothing had happened: weights, random numbers and the next regular
    validation are the same. Other callbacks see the validation like any other: ``ModelCheckpoint`` may save,
    ``EarlyStopping`` counts it.

    Args:
        freak, sync: as for every control.
    """

    _cadence: dict[str, object] | None = None
    """The trainer's own settings, while other settings make Lightning validate after this batch."""
    _clock: float | None = None
    _rng_states: RngStates | None = None
    _extra = False
    _left_out = False

    @action
    def validate(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, object]:
        """Validate now, once, on all validation batches.

        Raises:
            Rejected: there is nothing to validate with.
            Failed: training ended before, or the validation loader is empty.
        """
        if self.session is None:
            raise RuntimeError("training has not started")
        if self.session.point.after_validation:
            return {"step": trainer.global_step, "extra": self._extra, "metrics": validation_metrics(trainer)}
        if self._left_out:
            self._left_out = False
            raise Failed("Lightning skipped the validation: the validation loader is empty")
        if not self.session.point.exact:
            raise Failed("training has ended: no validation follows")
        why_not = _why_not(trainer)
        if why_not:
            raise Rejected(why_not)
        self._arrange(trainer)
        self.session.before_next_batch.append(partial(self._put_back, trainer))
        raise NotYet

    def _arrange(self, trainer: Trainer) -> None:
        """Make Lightning validate after this batch."""
        if self._cadence is not None:
            return  # two requests at one step
        names = ("val_check_batch", "check_val_every_n_epoch")
        self._cadence = {name: getattr(trainer, name) for name in names}
        trainer.val_check_batch = 1
        if trainer.check_val_every_n_epoch is not None:
            trainer.check_val_every_n_epoch = 1
        if validates_by_clock(trainer):
            self._clock = last_validation_time(trainer)
            set_last_validation_time(trainer, -float("inf"))
        # A loader draws a seed for its workers from the global generator, with or without workers.
        self._rng_states = collect_rng_states()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the settings back: Lightning has begun."""
        self._extra = self._restore(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the random numbers back, before the driver's control point."""
        states, self._rng_states = self._rng_states, None
        if states is not None:
            restore_rng_states(states)

    def _put_back(self, trainer: Trainer) -> None:
        """Put the clock back, which Lightning has set after the last hook of a validation."""
        if self._clock is not None:
            set_last_validation_time(trainer, self._clock)
            self._clock = None
        self._left_out = self._restore(trainer) or self._left_out

    def _restore(self, trainer: Trainer) -> bool:
        settings, self._cadence = self._cadence, None
        for name, value in (settings or {}).items():
            setattr(trainer, name, value)
        return settings is not None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the trainer as it was."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the trainer as it was."""
        self._restore(trainer)
        self._clock = self._rng_states = None
        self._extra = self._left_out = False


def _why_not(trainer: Trainer) -> str | None:
    if trainer.limit_val_batches == 0:
        return "limit_val_batches is 0: validation is switched off"
    if not trainer.enable_validation:
        return "there is no validation_step or no validation loader"
    return None
