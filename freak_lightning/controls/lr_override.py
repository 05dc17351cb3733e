"""LROverride: hold or scale the learning rate; let go, and the schedule is back to the bit."""

from functools import partial
from typing import Any, Self, cast

from pydantic import BaseModel, Field, create_model, model_validator

from freak_core import ConfigurationError, Freak, Rejected
from freak_lightning.control import Section
from freak_lightning.controls.param_group_control import Names, ParamGroupControl, said_of
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.ranks.cadence import Sync


class Override(Section):
    """Hold a value, or scale the schedule; neither lets the schedule be."""

    hold: float | None = Field(None, ge=0, allow_inf_nan=False, description="learning rate to hold")
    scale: float | None = Field(None, ge=0, allow_inf_nan=False, description="factor on the schedule")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.hold is not None and self.scale is not None:
            raise ValueError("hold and scale exclude each other: set one of them to null")
        return self

    def of(self, scheduled: Any) -> Any:
        """Return the value to use, or None to use the scheduled one."""
        if self.hold is not None:
            return self.hold
        return None if self.scale is None else scheduled * self.scale


class LROverride(ParamGroupControl):
    """Section ``lr``: ``hold``, ``scale``, and ``groups`` with the same for single param groups.

    The override is in place only while the optimizer steps, so no scheduler ever computes from it.

    Groups are called ``"OPTIMIZER/GROUP"`` by their numbers, such as ``"0/1"``, or by their ``name`` where
    the param group has one. What ``groups`` says of a group goes before what is said for all.

    Args:
        minimum: lowest learning rate to hold, or to scale to as the schedule is when that is asked for.
        maximum: highest learning rate, likewise.
        freak, sync: as for every control.
    """

    section = "lr"

    _applied: BaseModel | None = None
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

    def initial_state(self) -> BaseModel:
        """Return the section with the bounds it was given."""
        bounded = Field(
            None,
            ge=self.minimum,
            le=self.maximum,
            allow_inf_nan=False,
            description="learning rate to hold",
            json_schema_extra={"scale": "log"},
        )
        group = create_model("GroupOverride", __base__=Override, hold=(float | None, bounded))
        groups: Any = dict[str, group]
        fields: dict[str, Any] = {
            "hold": (float | None, bounded),
            "groups": (groups, Field({}, description="overrides by param group")),
        }
        return cast(BaseModel, create_model("LR", __base__=Override, **fields)())

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Use the section from the next optimizer step on; return the effective rates by group.

        Raises:
            Rejected: there is no such group, no optimizer that can be watched, or a rate out of bounds.
        """
        overlay = self.overlay
        names = self.names_of_groups(trainer, self.state.groups)
        self._check_bounds(names, overlay.scheduled("lr"))
        self._applied = self.state.model_copy(deep=True)
        rule = partial(self._value, names) if self.state_dict() else None
        overlay.set_rule("lr", rule)
        effective = overlay.effective("lr")
        return {name: float(effective[i][j]) for (i, j), name in names.items()}

    def _value(self, names: Names, i: int, j: int, _: dict[str, Any], scheduled: Any) -> Any:
        return _wanted(self.state, names, i, j, scheduled)

    def _check_bounds(self, names: Names, scheduled: list[list[Any]]) -> None:
        """Reject a new override that leads out of the bounds, or further out than the schedule is already."""
        before = self._applied or self.initial_state()
        for (i, j), name in names.items():
            wanted = _wanted(self.state, names, i, j, scheduled[i][j])
            if wanted is None or wanted == _wanted(before, names, i, j, scheduled[i][j]):
                continue
            rate, schedule = float(wanted), float(scheduled[i][j])
            above = self.maximum is not None and rate > max(self.maximum, schedule)
            if above or rate < min(self.minimum, schedule):
                bounds = f"{self.minimum} to {'any' if self.maximum is None else self.maximum}"
                raise Rejected(f"the learning rate of {name} would be {rate}, and may be from {bounds}")

    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take what the section says already: it was within the bounds when it was asked for."""
        self._applied = self.state.model_copy(deep=True)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the section from a checkpoint, likewise; some strategies load it after ``prepare``."""
        super().load_state_dict(state_dict)
        self._applied = self.state.model_copy(deep=True)

    def _let_go(self) -> None:
        super()._let_go()
        self._applied = None  # of a class made at run time, which cannot be pickled for another fit


def _wanted(state: Any, names: Names, i: int, j: int, scheduled: Any) -> Any:
    """Return the rate that a section wants for a group, or None for the scheduled one."""
    own = said_of(state.groups, names, i, j)
    value = own.of(scheduled) if own is not None else None
    return state.of(scheduled) if value is None else value
