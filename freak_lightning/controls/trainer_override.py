"""TrainerOverride: change those of the trainer's settings that Lightning reads again while it fits."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model

from freak_lightning.control import Section
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.controls.graceful_stop import GracefulStop
from freak_lightning.controls.trainer_checks import Values, notes_on_schedules, why_not, why_not_so_long
from freak_lightning.lightning_api.limits import set_max_epochs, set_max_steps
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.lightning_api.validation import takes_the_validation


class TrainerSettings(Section):
    """The settings that can be changed while training."""

    max_epochs: int = Field(-1, ge=-1, description="epochs to train in all; -1 for no limit")
    max_steps: int = Field(-1, ge=-1, description="optimizer steps to train in all; -1 for no limit")
    gradient_clip_val: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="clip gradients at this value; null or 0 for not at all"
    )
    accumulate_grad_batches: int = Field(
        1, ge=1, description="batches per optimizer step, from next epoch on"
    )
    log_every_n_steps: int = Field(50, ge=0, description="steps between two entries in the loggers")
    check_val_every_n_epoch: int | None = Field(1, ge=1, description="epochs between two validations")
    limit_val_batches: int | float = Field(
        1.0, description="0 for no validation, or what it was at the start"
    )


LENGTH = ("max_epochs", "max_steps", "accumulate_grad_batches")
"""The settings that say how many steps the fit takes."""


OFF = {"max_epochs": -1, "accumulate_grad_batches": None, "check_val_every_n_epoch": None}
"""The settings that count epochs, or wait for the next one, and the values with which they do not."""

ENDLESS = "the length of an epoch is unknown: on data without an end, no other epoch begins"


class TrainerOverride(ControlCallback[TrainerSettings]):
    """Section ``trainer``: settings of the trainer; it begins with the trainer's own values.

    ``max_epochs`` and ``max_steps`` may be lower than what is trained already: training then ends after this
    epoch, or this step. ``accumulate_grad_batches`` takes effect with the next epoch: in the middle of an
    epoch, gradients would count twice. A setting that no request has changed is never written. The trainer
    keeps the values after the fit. A checkpoint contains the settings that were changed, and a resume
    applies them.

    The section lacks ``val_check_interval``, ``limit_train_batches``, ``precision`` and other settings that
    Lightning reads only once.

    Args:
        freak, sync: as for every control.
    """

    section: str | None = "trainer"

    _own: Values | None = None
    """The trainer's values at the start of the fit; None before."""
    _applied: Mapping[str, object] = MappingProxyType({})
    """The section as it was last written; the trainer differs where the program has set a value."""
    _saved: dict[str, object] | None = None
    _to_accumulate: int | None = None
    """Batches per optimizer step from the next epoch on, if a request has changed it."""
    accumulating: int | None = None
    """Batches per optimizer step in this epoch, if a request has changed it."""

    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the trainer's values, and write those of a checkpoint."""
        self._own = self._applied = _values(trainer)
        self._to_accumulate = self.accumulating = None
        self._state = self.initial_state()
        saved, self._saved = self._saved, None
        if saved is not None:
            self._take(saved, trainer)

    def initial_state(self) -> TrainerSettings:
        """Return the section with the trainer's own values."""
        own = self._own or {}
        former = own.get("limit_val_batches", 1.0)
        limit = Annotated[int | float, AfterValidator(partial(_nothing_or, former))]
        field = Field(former, description=f"0 for no validation, {former} for as much as at the start")
        fields: dict[str, Any] = {"limit_val_batches": (limit, field)}
        return create_model("Trainer", __base__=TrainerSettings, **fields)(**own)

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, str] | None:
        """Write the changed settings into the trainer; return when they take effect, if not at once.

        Raises:
            Rejected: this trainer cannot take the value; the message says why.
        """
        told = self.check(trainer, pl_module, self.state)
        new = self._news(self.state)
        self._applied = dict(self.state)
        self._accumulate_later(new.pop("accumulate_grad_batches", None), trainer)
        _write(trainer, new)
        return told

    def check(
        self, trainer: Trainer, pl_module: LightningModule, wanted: TrainerSettings
    ) -> dict[str, str] | None:
        """Reject a value that this trainer cannot take; the message says why. Return what ``apply`` tells."""
        new = self._news(wanted)
        for name, value in new.items():
            reason = why_not(name, value, trainer)
            if reason:
                raise self.rejected_at(name, f"{name} cannot be {value}: {reason}")
        too_long = why_not_so_long(new, trainer, self._to_accumulate)
        if too_long:
            raise self.rejected_at(next(iter(new)), too_long)
        if self._stop_waits() and takes_the_validation(new, trainer):
            raise self.rejected_at(
                next(iter(new)),
                "a stop waits for the next validation, and none would come: cancel the stop first, or stop "
                "after 'epoch' or 'batch'",
            )
        told = _when(new, trainer)
        notes = notes_on_schedules(new, trainer, self._to_accumulate, self._length())
        if notes:
            name = next(name for name in LENGTH if name in new)
            told[name] = "; ".join([*([told[name]] if name in told else []), *notes])
        return told or None

    def _stop_waits(self) -> bool:
        """Return whether a stop was asked for after the next validation."""
        controls = self.session.controls if self.session is not None else []
        stops = [each for each in controls if isinstance(each, GracefulStop) and each.waits()]
        return any(each.state.after == "validation" for each in stops)

    def _length(self) -> Values:
        return {name: (self._own or {}).get(name) for name in LENGTH}

    def _news(self, wanted: TrainerSettings) -> Values:
        return {name: value for name, value in wanted if value != self._applied[name]}

    def _accumulate_later(self, batches: int | None, trainer: Trainer) -> None:
        if batches is not None:
            self._to_accumulate = batches if batches != trainer.accumulate_grad_batches else None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Accumulate as many batches as were asked for, from this epoch on."""
        if self._to_accumulate is not None:
            trainer.accumulate_grad_batches = self.accumulating = self._to_accumulate
            self._to_accumulate = None

    def state_dict(self) -> dict[str, object]:
        """Return the settings that were changed, and how many batches this epoch accumulates if that was."""
        if self._own is None:
            return {}
        changed = {name: value for name, value in self.state if value != self._own[name]}
        if self.accumulating is not None:
            return {"state": changed, "accumulating": self.accumulating}
        return {"state": changed} if changed else {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Take the settings that were changed; ``prepare`` writes them into the trainer."""
        if self.session is not None:  # some strategies load a checkpoint after on_fit_start
            self._take(state_dict, self.session.trainer)
        else:
            self._saved = state_dict

    def _take(self, saved: dict[str, Any], trainer: Trainer) -> None:
        before = dict(self.state)
        super().load_state_dict({"state": {**self.state.model_dump(), **saved.get("state", {})}})
        new = {name: value for name, value in self.state if value != before[name]}
        # apply() rejects a value that this trainer cannot take.
        new = {name: value for name, value in new.items() if not why_not(name, value, trainer)}
        self._applied = {**before, **new}
        asked = new.pop("accumulate_grad_batches", None)
        if "accumulating" in saved:
            # Not the number asked for: the resumed epoch goes on as it began.
            trainer.accumulate_grad_batches = self.accumulating = saved["accumulating"]
            asked = self.state.accumulate_grad_batches
        self._accumulate_later(asked, trainer)
        _write(trainer, new)


def _values(trainer: Trainer) -> Values:
    return {name: getattr(trainer, name) for name in TrainerSettings.model_fields}


def _write(trainer: Trainer, values: Values) -> None:
    for name, value in values.items():
        match name:
            case "max_epochs":
                set_max_epochs(trainer, value)
            case "max_steps":
                set_max_steps(trainer, value)
            case _:
                setattr(trainer, name, value)


def _nothing_or(former: float, value: float) -> float:
    if value not in (0, former):
        raise ValueError(f"Lightning can only switch validation off (0) or back on ({former}) while it fits")
    return former if value == former else 0  # 1 from a client without floats means 1.0, not one batch


def _when(new: Values, trainer: Trainer) -> dict[str, str]:
    told: dict[str, str] = {}
    if "accumulate_grad_batches" in new:
        told["accumulate_grad_batches"] = f"from the start of epoch {trainer.current_epoch + 1} on"
    if 0 <= new.get("max_epochs", -1) <= trainer.current_epoch + 1:
        told["max_epochs"] = "training ends after this epoch"
    if 0 <= new.get("max_steps", -1) <= trainer.global_step:
        told["max_steps"] = "training ends after this step"
    if trainer.num_training_batches == float("inf"):
        for name in (name for name, off in OFF.items() if new.get(name, off) != off):
            told[name] = "; ".join([*([told[name]] if name in told else []), ENDLESS])
    return told
