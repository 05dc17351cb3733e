"""The rate recorder: the learning rates that optimizers have stepped with, after schedules and overrides."""

import contextlib
from functools import partial
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from freak_lightning.controls.freak_logger import is_at_hand
from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.optimizers.param_group_overlay import unwrapped


class RateRecorder:
    """Notes the rates of every optimizer as it steps; reading them later would find the next step's.

    An optimizer that has no step hooks is left out.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._loop = trainer.fit_loop.epoch_loop
        self._rates: list[list[Any]] = [[] for _ in trainer.optimizers]
        self._step: int | None = None
        self._handles: list[RemovableHandle] = []
        for index, optimizer in enumerate(trainer.optimizers):
            with contextlib.suppress(TypeError, AttributeError):  # a wrapper may be an Optimizer in name only
                # After the step, since a closure may change its rate; what overrides it is still in place.
                hook = unwrapped(optimizer).register_step_post_hook(partial(self._note, index))
                self._handles.append(hook)

    def take(self, step: int) -> list[list[Any]] | None:
        """Return the rates of ``step``, if that was the last one, by optimizer and group; once.

        A rate is None where there is none, or where it is a tensor on a device to be waited for.
        """
        if step != self._step:
            return None
        self._step = None
        return self._rates

    def detach(self) -> None:
        """Let go of the optimizers; twice is fine."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _note(self, index: int, optimizer: Optimizer, *_: Any) -> None:
        self._rates[index] = [_readable(group.get("lr")) for group in optimizer.param_groups]
        self._step = self._loop._batches_that_stepped


def _readable(rate: Any) -> Any:
    """Return a rate that stays as it is: schedulers fill tensors in place."""
    if not isinstance(rate, Tensor):
        return rate
    return float(rate) if is_at_hand(rate) else None
