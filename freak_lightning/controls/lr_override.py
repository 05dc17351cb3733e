"""LROverride: hold or scale the learning rate; once released, the schedule is exactly as before."""

from functools import partial
from typing import Any, Self

from pydantic import Field, create_model, model_validator
from torch.optim import Optimizer, Rprop

from freak_core import ConfigurationError, Freak
from freak_lightning.control import Section, pointer_key
from freak_lightning.controls.param_group_control import ParamGroupControl, said_of
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.optimizers.group_names import Names
from freak_lightning.optimizers.overlaid_optimizer import Value
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from freak_lightning.optimizers.param_group_values import is_at_hand
from freak_lightning.ranks.cadence import Sync


class Override(Section):
    """A value to hold, or a factor on the schedule; with neither the optimizer uses the schedule."""

    hold: float | None = Field(None, ge=0, allow_inf_nan=False, description="learning rate to hold")
    scale: float | None = Field(None, ge=0, allow_inf_nan=False, description="factor on the schedule")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.hold is not None and self.scale is not None:
            raise ValueError("hold and scale exclude each other: set one of them to null")
        return self

    def of(self, scheduled: Value) -> Value | None:
        """Return the value to use, or None for the scheduled one."""
        if self.hold is not None:
            return self.hold
        return None if self.scale is None else scheduled * self.scale


class LearningRate(Override):
    """An override for all param groups, and overrides for single ones by their names."""

    groups: dict[str, Override] = Field({}, description="overrides by param group")


class LROverride(ParamGroupControl[LearningRate]):
    """Section ``lr``: ``hold``, ``scale``, and ``groups`` with the same for single param groups.

    The override is in place only while the optimizer steps, so no scheduler ever computes from it.

    A param group is called ``"OPTIMIZER/GROUP"`` by its numbers, such as ``"0/1"``, or by its ``name`` if it
    has one. An override in ``groups`` takes precedence over the override for all groups.

    Args:
        minimum: lowest learning rate that a request may hold, or scale the present schedule to.
        maximum: highest such learning rate.
        freak, sync: as for every control.
    """

    section: str | None = "lr"

    _applied: LearningRate | None = None
    """The section as it was last applied."""

    def __init__(
        self,
        *,
        minimum: float = 0.0,
        maximum: float | None = None,
        freak: Freak | None = None,
        sync: Sync | None = None,
    ) -> None:
        super().__init__(freak=freak, sync=sync)
        if minimum < 0 or (maximum is not None and maximum < minimum):
            raise ConfigurationError(f"no learning rate lies between minimum={minimum} and maximum={maximum}")
        self.minimum = minimum
        self.maximum = maximum

    def initial_state(self) -> LearningRate:
        """Return the section without an override; its fields have the bounds."""
        bounded = Field(
            None,
            ge=self.minimum,
            le=self.maximum,
            allow_inf_nan=False,
            description="learning rate to hold",
            json_schema_extra={"scale": "log"},
        )
        group = create_model("GroupOverride", __base__=Override, hold=(float | None, bounded))
        groups: Any = (dict[str, group], LearningRate.model_fields["groups"])
        return create_model("LR", __base__=LearningRate, hold=(float | None, bounded), groups=groups)()

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        """Use the section from the next optimizer step on; return the effective rates by group.

        Raises:
            Rejected: no such group, an optimizer whose step cannot be wrapped or that reads no rate any
                longer, or a rate out of bounds.
        """
        self.expect_look(trainer)
        self.follow()
        self.check(trainer, pl_module, self.state)
        overlay, names = self.overlay, self.overlay.names
        self._applied = self.state.model_copy(deep=True)
        untouched = self.state.model_dump() == self.initial_state().model_dump()
        overlay.set_rule("lr", None if untouched else partial(self._value, overlay))
        self.look_after_next_step(trainer)
        effective = overlay.effective("lr")
        rates = ((name, effective[i][j]) for (i, j), name in names.items())
        return {name: float(rate) for name, rate in rates if rate is not None}

    def _value(self, overlay: ParamGroupOverlay, i: int, j: int, _: object, scheduled: Value) -> Value | None:
        return None if scheduled is None else _wanted(self.state, overlay.names, i, j, scheduled)

    def check(self, trainer: Trainer, pl_module: LightningModule, wanted: LearningRate) -> None:
        """Reject a group that is unknown or has no rate, and a new override whose rate is out of bounds.

        A rate is out of bounds if it is further out than the scheduled rate.
        """
        names, scheduled = self.names_of_groups(wanted.groups), self.overlay.scheduled("lr")
        before = self._applied or self.initial_state()
        dry_run = wanted is not self.state
        self._check_that_there_are_rates(wanted, names, scheduled)
        for (i, j), name in names.items():
            if scheduled[i][j] is None:
                continue
            if dry_run and not is_at_hand(scheduled[i][j]):
                continue  # reading it would wait for the device
            asked = _wanted(wanted, names, i, j, scheduled[i][j])
            if asked is None or asked == _wanted(before, names, i, j, scheduled[i][j]):
                continue
            if reads_its_rate_once(self.overlay.optimizer(i)):
                why = (
                    f"the step sizes of {name} come from Rprop itself, which reads the learning rate in its "
                    "first step only; hold optimizer.step_sizes, their bounds"
                )
                raise self.rejected_at(_place_of(wanted, names, i, j), why)
            rate, schedule = float(asked), float(scheduled[i][j])
            above = self.maximum is not None and rate > max(self.maximum, schedule)
            if above or rate < min(self.minimum, schedule):
                bounds = f"{self.minimum} to {'any' if self.maximum is None else self.maximum}"
                why = f"the learning rate of {name} would be {rate}; allowed is {bounds}"
                raise self.rejected_at(_place_of(wanted, names, i, j), why)

    def _check_that_there_are_rates(
        self, wanted: LearningRate, names: Names, scheduled: list[list[Value]]
    ) -> None:
        """Reject an override of groups that have no rate, as those of Adafactor may."""
        without = {name: (i, j) for (i, j), name in names.items() if scheduled[i][j] is None}
        for name, (i, j) in without.items():
            own = said_of(wanted.groups, names, i, j)
            if own is not None and own.of(1.0) is not None:
                why = f"param group {name!r} has no learning rate: its optimizer makes its own"
                raise self.rejected_at(_place_of(wanted, names, i, j), why)
        if len(without) == len(names) and wanted.of(1.0) is not None:
            place = "scale" if wanted.hold is None else "hold"
            raise self.rejected_at(place, "no param group has a learning rate: the optimizer makes its own")

    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the present section as applied: its rates were within the bounds when they were asked for."""
        self._applied = self.state.model_copy(deep=True)

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Take the section from a checkpoint, as applied; some strategies load it after ``prepare``."""
        super().load_state_dict(state_dict)
        self._applied = self.state.model_copy(deep=True)

    def _let_go(self) -> None:
        super()._let_go()
        self._applied = None  # its class was made at run time, and cannot be pickled for another fit


def reads_its_rate_once(optimizer: Optimizer) -> bool:
    """Return whether an optimizer has read its learning rate, and does not read it again."""
    return isinstance(optimizer, Rprop) and bool(optimizer.state)


def _place_of(state: LearningRate, names: Names, i: int, j: int) -> str:
    """Return where in the section a group's rate is asked for."""
    own = said_of(state.groups, names, i, j)
    if own is None or own.of(1.0) is None:
        return "scale" if state.hold is None else "hold"
    key = next(key for key, each in state.groups.items() if each is own)
    return f"groups/{pointer_key(key)}/{'scale' if own.hold is None else 'hold'}"


def _wanted(state: LearningRate, names: Names, i: int, j: int, scheduled: Value) -> Value | None:
    """Return the rate that the section asks for in a group, or None for the scheduled one."""
    own = said_of(state.groups, names, i, j)
    value = own.of(scheduled) if own is not None else None
    return state.of(scheduled) if value is None else value
