"""OptimizerOverride: hold weight decay, momentum and the other numbers of the param groups."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

from pydantic import Field, create_model

from freak_lightning.control import Section, pointer_key
from freak_lightning.controls.param_group_control import ParamGroupControl, said_of
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.optimizers.overlaid_optimizer import Value
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from freak_lightning.optimizers.param_group_values import is_number_or_numbers

Kind = Any
"""The type of a field, as pydantic understands it: more than Python's types can say."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]

NUMBERS = frozenset({"weight_decay", "momentum", "dampening", "lr_decay", "eps", "etas", "step_sizes"})
"""Keys of PyTorch's own optimizers that take any number from 0 on, also where the value is the integer 0."""

KNOWN: dict[str, Kind] = {
    "weight_decay": NotNegative,
    "momentum": NotNegative,
    "eps": NotNegative,
    "betas": tuple[Decay, Decay],
}
"""The fields of the section before training, when the optimizers are not known yet."""

NOT_OURS = frozenset({"lr", "initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum", "groups"})
"""Keys that are not in the section: ``LROverride`` has ``lr``, and only schedulers read the others."""


class OptimizerOverride(ParamGroupControl[Section]):
    """Section ``optimizer``: every numeric key of the param groups, such as ``weight_decay`` or ``betas``.

    Null releases a key: it has exactly the value again that the program and its schedulers set. As with
    ``LROverride``, an override is in place only while the optimizer steps. A value for all groups applies to
    the groups that have the key. A value in ``groups`` takes precedence.

    Args:
        freak, sync: as for every control.
    """

    section: str | None = "optimizer"

    _fields: dict[str, Kind] = KNOWN
    _held: frozenset[str] = frozenset()
    _saved: dict[str, object] | None = None

    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the section the keys that the optimizers' param groups have."""
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        asked_for, self._saved = self.state_dict(), None
        self._fields = dict(_fields(groups))
        self._state = self.initial_state()
        super().load_state_dict(asked_for)

    def initial_state(self) -> Section:
        """Return the section with a field for each key, all null."""
        fields: dict[str, Kind] = {
            name: (kind | None, Field(None, description=f"{name} to hold"))
            for name, kind in self._fields.items()
        }
        group = create_model("GroupValues", __base__=Section, **fields)
        fields["groups"] = (dict[str, group], Field({}, description="overrides by param group"))
        return create_model("Optimizer", __base__=Section, **fields)()

    def state_dict(self) -> dict[str, object]:
        """Return the values that are held."""
        if self._saved is not None:
            return self._saved
        held = self.state.model_dump(mode="json", exclude_none=True)
        return {"state": held} if held != {"groups": {}} else {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Take the held values from a checkpoint, as soon as the optimizers and their keys are known."""
        if self.session is None:
            self._saved = state_dict
        else:
            super().load_state_dict(state_dict)

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, object]:
        """Use the section from the next step on; return the effective values of keys that are or were held.

        Raises:
            Rejected: a group does not exist, or it does not have a key.
        """
        self.expect_look(trainer)
        self.follow()
        self.check(trainer, pl_module, self.state)
        overlay, names = self.overlay, self.overlay.names
        held = frozenset(key for key in self._fields if self._is_held(key))
        for key in self._fields:
            overlay.set_rule(key, partial(self._value, overlay, key) if key in held else None)
        self.look_after_next_step(trainer)
        told = {key: overlay.effective(key) for key in sorted(held | self._held)}
        self._held = held
        return {
            key: {name: _plain(values[i][j]) for (i, j), name in names.items() if values[i][j] is not None}
            for key, values in told.items()
        }

    @property
    def _groups(self) -> dict[str, Section]:
        groups: dict[str, Section] = dict(self.state)["groups"]
        return groups

    def _is_held(self, key: str) -> bool:
        sections = [self.state, *self._groups.values()]
        return any(getattr(section, key) is not None for section in sections)

    def _value(
        self, overlay: ParamGroupOverlay, key: str, i: int, j: int, _: object, scheduled: Value
    ) -> Value | None:
        value = getattr(said_of(self._groups, overlay.names, i, j), key, None)
        value = getattr(self.state, key) if value is None else value
        return value if _length(value) == _length(scheduled) else None

    def check(self, trainer: Trainer, pl_module: LightningModule, wanted: Section) -> None:
        """Reject a group that does not exist, and a key that a group does not have."""
        groups: dict[str, Section] = dict(wanted)["groups"]
        names = self.names_of_groups(groups)
        for (i, j), name in names.items():
            group = self.overlay.group(i, j)
            for key, value in said_of(groups, names, i, j) or ():
                place = f"groups/{pointer_key(name if name in groups else f'{i}/{j}')}/{key}"
                if value is not None and key not in group:
                    there = ", ".join(dict(_fields([group])))
                    raise self.rejected_at(place, f"param group {name!r} has no {key!r}; it has: {there}")
                if value is not None and _length(value) != _length(group[key]):
                    why = f"param group {name!r} has no {key!r} of this kind; it is {group[key]}"
                    raise self.rejected_at(place, why)

    def _let_go(self) -> None:
        super()._let_go()
        self._held = frozenset()


def _fields(groups: list[dict[str, Value]]) -> Iterator[tuple[str, Kind]]:
    """Yield the keys of the groups that hold numbers or tuples of numbers, and the type of each."""
    kinds: dict[str, Kind] = {}
    for group in groups:
        for key, value in group.items():
            if key in NOT_OURS or not key.isidentifier() or key.startswith("_") or hasattr(Section, key):
                continue
            if not is_number_or_numbers(value):
                continue
            several = isinstance(value, tuple)
            kind = tuple[tuple(_kind(key, each) for each in value)] if several else _kind(key, value)  # type: ignore[misc]
            kinds[key] = kinds[key] | kind if key in kinds else kind
    yield from kinds.items()


def _kind(key: str, value: Value) -> Kind:
    """Return the type of a key's number. An integer may be a count, for which a fraction ends the fit."""
    if key == "betas":
        return Decay
    if key in NUMBERS:
        return NotNegative
    if not isinstance(value, int):
        return Finite
    return int if value else int | Finite  # 0 may also be a fraction that was written as an integer


def _length(value: object) -> int | None:
    """Return the length of a tuple, None for a number: optimizers may differ in what a key holds."""
    return len(value) if isinstance(value, tuple) else None


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, int) else float(value)
