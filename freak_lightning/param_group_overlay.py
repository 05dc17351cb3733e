"""Other values for an optimizer's param groups, in place only while the optimizer steps.

Writing ``group["lr"]`` between steps is either overwritten by the scheduler or bends it for ever: most
schedulers compute the next rate from the present one. So the overlay writes just before
``optimizer.step()`` and puts the scheduled values back just after. The scheduler never sees the override, a
checkpoint stores the schedule, and letting go of an override is doing nothing.

    optimizer.step(closure)
      pre hook    remember the scheduled values, write the override
      closure     scheduled values again: training_step and backward run in here; they may raise, step a
                  scheduler or write a rate of their own; the override is written anew from what they leave
      update      the override
      post hook   scheduled values again

``GradScaler`` skips a step by not calling it, so nothing was written that would have to be put back.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

Rule = Callable[[int, int, dict[str, Any], Any], Any]
"""``rule(optimizer_index, group_index, group, scheduled)`` → the value to step with, or None to leave it."""

_Values = dict[tuple[str, int], Any]


class ParamGroupOverlay:
    """Hold values of param groups (``lr``, ``weight_decay``, ``betas``, …) while their optimizers step.

    Groups are looked up by index at every step: ``load_state_dict`` replaces the dicts, and a callback that
    unfreezes layers adds groups. Without a rule the optimizers have no hooks, and a step costs nothing.

    Args:
        optimizers: ``trainer.optimizers``, or the same wrapped by Lightning: then the inner ones are watched,
            since ``LightningOptimizer`` steps those and does not promise to mirror their state.

    Raises:
        TypeError: one of them is no ``torch.optim.Optimizer``, so it has no step hooks.

    Example::

        overlay = ParamGroupOverlay(trainer.optimizers)
        overlay.attach()
        overlay.set_rule("lr", lambda optimizer_index, group_index, group, scheduled: scheduled * 0.5)
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._steps = [_Step(unwrapped(optimizer)) for optimizer in optimizers]
        self._rules: dict[str, Rule] = {}
        self._attached = False
        self._handles: list[RemovableHandle] = []

    def attach(self) -> None:
        """Follow the rules from the next step on; a second call does nothing."""
        self._attached = True
        self._watch()

    def detach(self) -> None:
        """Stop, and put back what an interrupted step left behind; a second call does nothing."""
        self._attached = False
        self.restore()
        self._watch()

    def _watch(self) -> None:
        """Watch the optimizers' steps as long as there is something to do in them."""
        if not (self._attached and (self._rules or any(step.depth for step in self._steps))):
            for handle in self._handles:
                handle.remove()
            self._handles.clear()
        elif not self._handles:
            for index, step in enumerate(self._steps):
                before = step.optimizer.register_step_pre_hook(partial(self._before, index))
                hooks: Any = before.hooks_dict_ref()
                hooks.move_to_end(before.id, last=False)  # so that the program's own hooks see the override
                after = step.optimizer.register_step_post_hook(partial(self._after, index))
                self._handles += [before, after]

    def set_rule(self, key: str, rule: Rule | None) -> None:
        """Use ``rule`` for the groups' ``key`` from the next step on; None lets go.

        Groups without the key are left alone. A rule must return values of the key's own type (a float, or
        a tuple of floats for ``betas``), or, where the group holds a tensor, that or a tensor of its shape.
        It runs in every step: ``float()`` of a tensor on a GPU would make each step wait for the device.
        """
        if rule is None:
            self._rules.pop(key, None)
        else:
            self._rules[key] = rule
        self._watch()

    def restore(self) -> None:
        """Put the scheduled values back after a step that raised.

        Call it in ``on_exception`` and ``on_train_batch_start``: PyTorch skips the post hook when the
        update itself raises (out of memory, say), and the program may catch that and go on. Nothing to do
        costs nothing.
        """
        for step in self._steps:
            step.depth = 0
            step.put_back()

    def scheduled(self, key: str) -> list[list[Any]]:
        """Return the schedule's own values: a list per optimizer, a value per group, None without the key.

        Tensors are copies, on their device.
        """
        return [
            [step.scheduled(key, group_index) for group_index in range(len(step.optimizer.param_groups))]
            for step in self._steps
        ]

    def effective(self, key: str) -> list[list[Any]]:
        """Return what the next step would use, in the same shape as :meth:`scheduled`."""
        values = [self._wanted(index) for index in range(len(self._steps))]
        return [
            [
                _like(values[index][key, group_index], scheduled)
                if (key, group_index) in values[index]
                else scheduled
                for group_index, scheduled in enumerate(per_group)
            ]
            for index, per_group in enumerate(self.scheduled(key))
        ]

    def _wanted(self, index: int) -> _Values:
        """What the rules want for one optimizer; nothing is written, so a rule that raises breaks nothing."""
        step = self._steps[index]
        values: _Values = {}
        for key, rule in self._rules.items():
            for group_index, group in enumerate(step.optimizer.param_groups):
                if key not in group:
                    continue
                value = rule(index, group_index, group, step.scheduled(key, group_index))
                if value is not None:
                    values[key, group_index] = value
        return values

    def _before(
        self, index: int, _: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        step = self._steps[index]
        if not self._rules and not step.depth:
            return None
        if step.depth:  # a step inside a step: a subclass that calls super().step(), which has the same hooks
            step.depth += 1
            return None
        step.write(self._wanted(index))
        step.depth = 1
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": self._shielded(index, kwargs["closure"])}
        if len(args) > 1 and callable(args[1]):  # args[0] is the optimizer
            return (args[0], self._shielded(index, args[1]), *args[2:]), kwargs
        return None

    def _after(self, index: int, _: Optimizer, __: tuple[Any, ...], ___: dict[str, Any]) -> None:
        step = self._steps[index]
        if step.depth:
            step.depth -= 1
            if not step.depth:
                step.put_back()

    def _shielded(self, index: int, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Return the closure, run on scheduled values. Where it raises, nothing is left to put back."""
        step = self._steps[index]

        def shielded() -> Any:
            depth, step.depth = step.depth, 0
            step.put_back()
            result = closure()
            if self._handles:  # not detached meanwhile
                step.write(self._wanted(index))
                step.depth = depth
            return result

        return shielded


class _Step:
    """One optimizer, and the scheduled values to give back to it when its step is over."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.depth = 0
        self._held: dict[tuple[str, int], tuple[Any, Tensor | None]] = {}

    def scheduled(self, key: str, group_index: int) -> Any:
        """The schedule's value, in the middle of a step too; a tensor as a copy, which later writes spare."""
        held = self._held.get((key, group_index))
        if held is not None:
            original, copy = held
            return original if copy is None else copy.clone()
        value = self.optimizer.param_groups[group_index].get(key)
        return value.detach().clone() if isinstance(value, Tensor) else value

    @torch.no_grad()
    def write(self, values: _Values) -> None:
        """Write the values. Tensors are filled in place: a captured step knows them by their address."""
        groups = self.optimizer.param_groups
        # Read all before writing any: groups may share one tensor.
        for key, group_index in values:
            original = groups[group_index][key]
            copy = original.detach().clone() if isinstance(original, Tensor) else None
            self._held[key, group_index] = (original, copy)
        for (key, group_index), value in values.items():
            original = groups[group_index][key]
            if isinstance(original, Tensor) and self._alone(key, original, values):
                original.copy_(_like(value, original))
            else:
                groups[group_index][key] = _like(value, original)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give every group its scheduled value again, the same object with the same bits."""
        for (key, group_index), (original, copy) in self._held.items():
            if group_index < len(self.optimizer.param_groups):
                self.optimizer.param_groups[group_index][key] = original
            if copy is not None:
                original.copy_(copy)
        self._held.clear()

    def _alone(self, key: str, tensor: Tensor, values: _Values) -> bool:
        """Whether all groups that hold this very tensor want the same value.

        If not, each gets a tensor of its own for this step. Tensor values count as different: comparing
        them would wait for the device.
        """
        sharing = [i for i, held in enumerate(self._originals(key)) if held is tensor]
        wanted = [values.get((key, group_index)) for group_index in sharing]
        return len(wanted) == 1 or all(
            value is not None and not isinstance(value, Tensor) and value == wanted[0] for value in wanted
        )

    def _originals(self, key: str) -> list[Any]:
        held = self._held
        return [
            held[key, i][0] if (key, i) in held else group.get(key)
            for i, group in enumerate(self.optimizer.param_groups)
        ]


@torch.no_grad()
def _like(value: Any, original: Any) -> Any:
    """Return the value in the kind of the original: a tensor where that is one, inside tuples too."""
    if isinstance(original, Tensor):
        new = torch.empty_like(original)
        return new.copy_(value) if isinstance(value, Tensor) else new.fill_(value)
    if isinstance(original, tuple):
        return tuple(_like(one, other) for one, other in zip(value, original, strict=True))
    return value


def unwrapped(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer itself, out of Lightning's wrapper.

    Raises:
        TypeError: it is no ``torch.optim.Optimizer``, so it has no step hooks.
    """
    inner = getattr(optimizer, "optimizer", None)
    if isinstance(inner, Optimizer):
        return inner
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} has no step hooks: it is no torch.optim.Optimizer")
    return optimizer
