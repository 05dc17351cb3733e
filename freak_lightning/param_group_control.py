"""What controls of param groups share: the groups' names, and an overlay for as long as a fit lasts."""

from collections.abc import Iterable

from freak_core import Rejected
from freak_lightning.control_callback import ControlCallback
from freak_lightning.namespace import LightningModule, Trainer
from freak_lightning.param_group_overlay import ParamGroupOverlay

Names = dict[tuple[int, int], str]
"""What param groups are called, by (optimizer, group)."""


class ParamGroupControl(ControlCallback):
    """Base of the controls that override values of param groups while their optimizers step.

    Groups are called ``"OPTIMIZER/GROUP"`` by their numbers, such as ``"0/1"``, or by their ``name`` where
    the param group has one.
    """

    _overlay: ParamGroupOverlay | None = None
    _why_none = "training has not started"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the optimizers' steps, together with the other controls of param groups."""
        controls = self.session.controls if self.session is not None else []
        shared = [each._overlay for each in controls if isinstance(each, ParamGroupControl) and each._overlay]
        try:
            self._overlay = shared[0] if shared else ParamGroupOverlay(trainer.optimizers)
        except TypeError as error:
            self._why_none = str(error)  # told to whoever asks; training goes on
        else:
            self._overlay.attach()

    @property
    def overlay(self) -> ParamGroupOverlay:
        """The overlay of this fit.

        Raises:
            Rejected: there is none, and why.
        """
        if self._overlay is None:
            raise Rejected(self._why_none)
        return self._overlay

    def names_of_groups(self, trainer: Trainer, asked: Iterable[str]) -> Names:
        """Return the names of all param groups.

        Raises:
            Rejected: one of those asked for is not among them.
        """
        names = {
            (i, j): str(group.get("name", f"{i}/{j}"))
            for i, optimizer in enumerate(trainer.optimizers)
            for j, group in enumerate(optimizer.param_groups)
        }
        unknown = [name for name in asked if name not in names.values()]
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
