"""Backstage: where controls stand that need no hook of every batch, out of Lightning's sight in training.

For each hook of every batch Lightning looks at each callback it has. With all controls that are some fifty
looks between two steps, at objects that the model's own data has driven from the caches.
"""

from collections.abc import Iterable
from typing import Any

from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer

PASSED_ON = (
    "on_train_epoch_start",
    "on_train_epoch_end",
    "on_validation_start",
    "on_validation_end",
    "on_train_end",
    "on_exception",
)
"""The hooks of a training that the driver passes on to those backstage."""

_BEFORE_OR_AFTER = ("setup", "on_fit_start", "on_train_start", "on_fit_end", "teardown", "on_load_checkpoint")


class Backstage:
    """Takes controls out of the trainer's callbacks while it trains, and puts them back in their order."""

    def __init__(self) -> None:
        self._all: list[Callback] = []
        self._controls: list[Callback] = []

    def enter(self, trainer: Trainer, controls: Iterable[Callback]) -> None:
        """Take those out that Lightning need not see; in a new list, since Lightning is in the old one."""
        self._all = trainer.callbacks  # type: ignore[attr-defined]
        self._controls = [control for control in controls if not _is_needed(control)]
        trainer.callbacks = [each for each in self._all if each not in self._controls]  # type: ignore[attr-defined]

    def leave(self, trainer: Trainer) -> list[Callback]:
        """Put them back, and return them; what others have changed in the list stays. Twice is fine."""
        controls = self._controls
        if controls:
            now: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
            kept = [each for each in self._all if each in now or each in controls]
            trainer.callbacks = [*kept, *(each for each in now if each not in kept)]  # type: ignore[attr-defined]
        self._all, self._controls = [], []
        return controls

    def pass_on(self, hook: str, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        """Call a hook as Lightning would."""
        for control in self._controls:
            getattr(control, hook)(trainer, pl_module, *rest)

    def save(self, checkpoint: dict[str, Any]) -> None:
        """Put their states into a checkpoint as Lightning does, unless it has weights only."""
        for control in self._controls if "callbacks" in checkpoint else ():
            state = control.state_dict()
            if state:
                checkpoint["callbacks"][control.state_key] = state


def _is_needed(control: Callback) -> bool:
    """Whether a control has written a hook that is neither passed on nor called outside of training."""
    hooks = {name for name in dir(Callback) if name.startswith(("on_", "setup", "teardown"))}
    here = hooks - {*PASSED_ON, *_BEFORE_OR_AFTER}
    return any(getattr(type(control), name) is not getattr(Callback, name) for name in here)
