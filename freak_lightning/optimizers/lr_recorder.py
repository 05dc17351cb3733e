"""The learning rates that optimizers have stepped with, after schedules and overrides."""

import contextlib
from functools import partial

from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from freak_lightning.lightning_api.loops import logged_step
from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.optimizers.param_group_overlay import Value, unwrapped

Rates = list[list[Value]]
"""A list per optimizer with a rate per param group."""


class RateRecorder:
    """Records the rates of every optimizer as it steps; reading them later would give the next step's rates.

    An optimizer without step hooks is left out.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._rates: Rates = [[] for _ in trainer.optimizers]
        self._step: int | None = None
        self._handles: list[RemovableHandle] = []
        for index, optimizer in enumerate(trainer.optimizers):
            with contextlib.suppress(TypeError, AttributeError):  # a wrapper may lack an optimizer's hooks
                # After the step: a closure may change its rate, and an override is still in place.
                hook = unwrapped(optimizer).register_step_post_hook(partial(self._record, index))
                self._handles.append(hook)

    def take(self, step: int) -> Rates | None:
        """Return the rates of ``step``, once, if that was the last step; else None.

        A rate is None if the group has none, or if it is a tensor on a device: reading that would wait for
        the device.
        """
        if step != self._step:
            return None
        self._step = None
        return self._rates

    def detach(self) -> None:
        """Remove the hooks from the optimizers; a second call does nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _record(self, index: int, optimizer: Optimizer, *_: object) -> None:
        self._rates[index] = [_readable(group.get("lr")) for group in optimizer.param_groups]
        self._step = logged_step(self._trainer)


def is_at_hand(value: object) -> bool:
    """Return whether a value can be read without waiting for a device."""
    return not isinstance(value, Tensor) or value.device.type == "cpu"


def _readable(rate: Value) -> Value:
    """Return the rate, of a tensor its present value, since schedulers fill tensors in place."""
    if not isinstance(rate, Tensor):
        return rate
    return float(rate) if is_at_hand(rate) else None
