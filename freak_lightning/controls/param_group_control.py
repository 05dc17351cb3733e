"""ParamGroupControl: what controls of param groups share, the groups' names and one overlay for each fit."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from freak_core import Rejected
from freak_lightning.control import StateT
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay

Said = TypeVar("Said")

Names = dict[tuple[int, int], str]
"""What param groups are called, by (optimizer, group)."""


class ParamGroupControl(ControlCallback[StateT]):
    """Base class of the controls that override values of param groups while their optimizers step.

    A group is called ``"OPTIMIZER/GROUP"`` by its numbers, such as ``"0/1"``, or by its ``name`` if it has
    one; ``"OPTIMIZER/NAME"`` if several optimizers have a group of that name.
    """

    _overlay: ParamGroupOverlay | None = None
    _why_none = "training has not started"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wrap the optimizers' steps, once for all controls of param groups."""
        controls = self.session.controls if self.session is not None else []
        shared = [each._overlay for each in controls if isinstance(each, ParamGroupControl) and each._overlay]
        try:
            self._overlay = shared[0] if shared else ParamGroupOverlay(trainer.optimizers)
        except TypeError as error:
            self._why_none = str(error)  # for the answer to a request; training goes on
        else:
            self._overlay.attach()

    @property
    def overlay(self) -> ParamGroupOverlay:
        """The overlay of this fit.

        Raises:
            Rejected: there is none; the message says why.
        """
        if self._overlay is None:
            raise Rejected(self._why_none)
        return self._overlay

    def names_of_groups(self, trainer: Trainer, asked: Iterable[str]) -> Names:
        """Return the names of all param groups.

        Raises:
            Rejected: ``asked`` has a group that does not exist.
        """
        names = _names(trainer)
        numbers = {f"{i}/{j}" for i, j in names}
        unknown = [name for name in asked if name not in names.values() and name not in numbers]
        if unknown:
            raise Rejected(f"there is no param group {unknown[0]!r}; there are: {', '.join(names.values())}")
        return names

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the optimizers as they were."""
        self._let_go()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the optimizers as they were."""
        self._let_go()

    def _let_go(self) -> None:
        if self._overlay is not None:
            self._overlay.detach()
            self._overlay = None


def said_of(groups: Mapping[str, Said], names: Names, i: int, j: int) -> Said | None:
    """Return the entry of a group in a section's ``groups``, by its numbers or else by its name."""
    return groups.get(f"{i}/{j}", groups.get(names.get((i, j), "")))


def _names(trainer: Trainer) -> Names:
    """Return a unique name for each group: NAME, else OPTIMIZER/NAME, else OPTIMIZER/GROUP."""
    numbers = [(i, j) for i, each in enumerate(trainer.optimizers) for j in range(len(each.param_groups))]
    own = {(i, j): trainer.optimizers[i].param_groups[j].get("name") for i, j in numbers}
    names: Names = {}
    for i, j in numbers:
        given, qualified = str(own[i, j]), f"{i}/{own[i, j]}"
        alike = [(other, its) for (other, _), its in own.items() if str(its) == given]
        if own[i, j] is None or alike.count((i, own[i, j])) > 1:
            names[i, j] = f"{i}/{j}"
        else:
            names[i, j] = given if len(alike) == 1 else qualified
    return names
