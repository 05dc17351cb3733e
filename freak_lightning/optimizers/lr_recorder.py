"""The learning rates that optimizers have stepped with, after schedules and overrides."""

import contextlib

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.hooks import RemovableHandle

from freak_lightning.lightning_api.loops import logged_step
from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.optimizers.overlaid_optimizer import Value
from freak_lightning.optimizers.param_group_overlay import unwrapped
from freak_lightning.optimizers.param_group_values import is_at_hand

Rates = list[list[Value]]
"""A list per optimizer with a rate per param group."""


class RateRecorder:
    """Records the rates of every optimizer as it steps; reading them later would give the next step's rates.

    An optimizer without step hooks is left out.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._groups: list[list[dict[str, Value]]] = []
        self._rates: Rates = []
        for index, optimizer in enumerate(trainer.optimizers):
            with contextlib.suppress(TypeError):  # nothing that steps with rates
                self._make_room(index)
                self._groups[index] = list(unwrapped(optimizer).param_groups)
                self._rates[index] = [None] * len(self._groups[index])
        self._step: int | None = None
        self._last: tuple[object, int] = (None, -1)
        # After the step: a closure may change its rate, and an override is still in place. The hook is that
        # of all optimizers, so that one which replaces another is recorded too.
        self._handles: list[RemovableHandle] = [register_optimizer_step_post_hook(self._record)]

    def take(self, step: int) -> Rates | None:
        """Return the rates of ``step``, once, if that was the last step; else None.

        A rate is None if the group has none, or if it is a tensor on a device: reading that would wait for
        the device.
        """
        if step != self._step:
            return None
        self._step = None
        last, index = self._last
        if self._index_of(last) != index:  # the trainer has got other optimizers since it stepped
            self._last = None, -1
            return None
        return self._rates

    def detach(self) -> None:
        """Remove the hooks from the optimizers; a second call does nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _make_room(self, index: int) -> None:
        for _ in range(index + 1 - len(self._rates)):
            self._groups.append([])
            self._rates.append([])

    def _record(self, optimizer: Optimizer, *_: object) -> None:
        if torch.compiler.is_compiling():
            return
        last, index = self._last  # looking for its place takes longer than all else in a step
        if last is not optimizer:
            index = self._index_of(optimizer)
            if index < 0:
                return
            self._make_room(index)
            self._last = optimizer, index
        groups, known = optimizer.param_groups, self._groups[index]
        if len(groups) < len(known) and all(any(each is one for one in known) for each in groups):
            # DeepSpeed steps group by group, with one group alone in param_groups.
            for number, group in enumerate(known):
                if any(group is each for each in groups):
                    self._rates[index][number] = _readable(group.get("lr"))
        else:
            self._groups[index] = list(groups)
            self._rates[index] = [
                rate if type(rate := group.get("lr")) is float else _readable(rate) for group in groups
            ]
        self._step = logged_step(self._trainer)

    def _index_of(self, optimizer: object) -> int:
        """Return the place of an optimizer among the trainer's, -1 if it is not there."""
        try:
            places: list[object] = [unwrapped(each) for each in self._trainer.optimizers]
            return places.index(optimizer)
        except (TypeError, ValueError):  # not one of the trainer's
            return -1


def _readable(rate: Value) -> Value:
    """Return the rate, of a tensor its present value, since schedulers fill tensors in place."""
    if not isinstance(rate, Tensor):
        return rate
    return float(rate) if is_at_hand(rate) else None
