"""Overrides of an optimizer's param group values, in place only while the optimizer steps.

A value written into ``group["lr"]`` between two steps is overwritten by the scheduler, or bends the schedule
for good: most schedulers compute the next rate from the present one. So the overlay writes just before
``optimizer.step()`` and puts the scheduled values back just after. The scheduler never sees the override, a
checkpoint stores the schedule, and a released override leaves nothing to undo.

    optimizer.step(closure)
      before      remember the scheduled values, write the override
      closure     scheduled values: training_step and backward run in here; they may raise, step a scheduler
                  or write a rate; the override is then written again, from the values they leave
      update      the override, for the optimizer's step hooks too
      after       scheduled values, even if the update raised (out of memory, say)

The overlay wraps ``optimizer.step``, since PyTorch skips its post hooks if the update raises: a program that
catches the error would keep the override for good, and its scheduler would go on from it. ``GradScaler``
skips a step by not calling it: then nothing was written.
"""

import functools
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Value = Any
"""What a param group has under a key: a number, a tensor, a tuple of them such as ``betas``, or None."""

Rule = Callable[[int, int, dict[str, Value], Value], Value | None]
"""``rule(optimizer_index, group_index, group, scheduled)`` → the value to step with, None for no override."""

_Values = dict[tuple[str, int], Value]
"""Values by key and group index."""


class ParamGroupOverlay:
    """Overrides values of param groups (``lr``, ``weight_decay``, ``betas``, …) while their optimizers step.

    Groups are looked up by index at every step: ``load_state_dict`` replaces the dicts, and a callback that
    unfreezes layers adds groups. Without a rule the optimizers are unchanged, and a step costs nothing.

    Args:
        optimizers: ``trainer.optimizers``. Of a ``LightningOptimizer`` the inner optimizer is wrapped.

    Raises:
        TypeError: one of them is not a ``torch.optim.Optimizer``.

    Example::

        overlay = ParamGroupOverlay(trainer.optimizers)
        overlay.attach()
        overlay.set_rule("lr", lambda optimizer_index, group_index, group, scheduled: scheduled * 0.5)
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._steps = [_Step(unwrapped(optimizer)) for optimizer in optimizers]
        self._rules: dict[str, Rule] = {}
        self._attached = False

    def attach(self) -> None:
        """Apply the rules from the next step on; a second call does nothing."""
        self._attached = True
        self._wrap_steps()

    def detach(self) -> None:
        """Apply the rules no longer; a second call does nothing."""
        self._attached = False
        self._wrap_steps()

    @property
    def _active(self) -> bool:
        return self._attached and bool(self._rules)

    def _wrap_steps(self) -> None:
        """Wrap the optimizers' steps if there is a rule to apply in them, else unwrap them."""
        for index, step in enumerate(self._steps):
            if self._active:
                step.wrap(functools.partial(self._step, index))
            else:
                step.unwrap()

    def set_rule(self, key: str, rule: Rule | None) -> None:
        """Use ``rule`` for the groups' ``key`` from the next step on; None releases the key.

        Groups without the key are skipped. A rule must return values of the key's own type (a float, or a
        tuple of floats for ``betas``); if the group holds a tensor, a number or a tensor of its shape. The
        rule runs in every step: ``float()`` of a tensor on a GPU would make each step wait for the device.
        """
        if rule is None:
            self._rules.pop(key, None)
        else:
            self._rules[key] = rule
        self._wrap_steps()

    def scheduled(self, key: str) -> list[list[Value]]:
        """Return the scheduled values: a list per optimizer, a value per group, None without the key.

        Tensors are copies, on their device.
        """
        return [
            [step.scheduled(key, group_index) for group_index in range(len(step.optimizer.param_groups))]
            for step in self._steps
        ]

    def effective(self, key: str) -> list[list[Value]]:
        """Return the values that the next step would use, in the same shape as :meth:`scheduled`."""
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
        """Return the rules' values for one optimizer; nothing is written yet, so a rule may raise."""
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

    def _step(self, index: int, own_step: Callable[..., object], *args: object, **kwargs: object) -> object:
        """Call the optimizer's own step with the override in place."""
        step = self._steps[index]
        if not self._active or step.held:  # a step that calls itself has the override already
            return own_step(*args, **kwargs)
        closure = kwargs.get("closure")
        if callable(closure):
            kwargs["closure"] = self._on_scheduled_values(index, closure)
        elif args and callable(args[0]):
            args = (self._on_scheduled_values(index, args[0]), *args[1:])
        step.write(self._wanted(index))
        try:
            return own_step(*args, **kwargs)
        finally:
            step.put_back()

    def _on_scheduled_values(self, index: int, closure: Callable[[], object]) -> Callable[[], object]:
        """Return a closure that runs on scheduled values; if it raises, they are in place already."""
        step = self._steps[index]

        def wrapped() -> object:
            step.put_back()
            result = closure()
            if self._active:  # the closure may have detached the overlay
                step.write(self._wanted(index))
            return result

        return wrapped


class _Step:
    """One optimizer, and the scheduled values to put back after its step."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.held: dict[tuple[str, int], tuple[Value, Tensor | None]] = {}
        """By key and group index: the scheduled object, and a copy if it is a tensor."""
        self._wrapper: MethodType | None = None
        self._own: Any = None
        """The step that somebody else has set on the instance, if any."""

    def wrap(self, around: Callable[..., object]) -> None:
        """Have ``around(step, ...)`` called in place of the optimizer's step; a second call does nothing.

        The wrapper is a method with the attributes of the step, since schedulers look for both.
        """
        if self._wrapper is not None:
            return
        own_step: Callable[..., object] = self.optimizer.step

        @functools.wraps(getattr(own_step, "__func__", own_step))
        def step(_: Optimizer, *args: object, **kwargs: object) -> object:
            return around(own_step, *args, **kwargs)

        self._own = vars(self.optimizer).get("step")
        self._wrapper = MethodType(step, self.optimizer)
        self.optimizer.step = self._wrapper  # type: ignore[method-assign]

    def unwrap(self) -> None:
        """Give the optimizer its own step back, unless somebody has wrapped the wrapper."""
        if self._wrapper is None or vars(self.optimizer).get("step") is not self._wrapper:
            return
        if self._own is None:
            del self.optimizer.__dict__["step"]
        else:
            self.optimizer.step = self._own  # type: ignore[method-assign]
        self._wrapper = self._own = None

    def scheduled(self, key: str, group_index: int) -> Value | None:
        """Return the scheduled value, in the middle of a step too; a tensor as a copy."""
        held = self.held.get((key, group_index))
        if held is not None:
            original, copy = held
            return original if copy is None else copy.clone()
        value = self.optimizer.param_groups[group_index].get(key)
        return value.detach().clone() if isinstance(value, Tensor) else value

    @torch.no_grad()
    def write(self, values: _Values) -> None:
        """Write the values. Tensors are filled in place: a captured step reads them at their address."""
        groups = self.optimizer.param_groups
        # Read all before writing any: groups may share one tensor.
        for key, group_index in values:
            original = groups[group_index][key]
            copy = original.detach().clone() if isinstance(original, Tensor) else None
            self.held[key, group_index] = (original, copy)
        for (key, group_index), value in values.items():
            original = groups[group_index][key]
            if isinstance(original, Tensor) and self._same_for_all(key, original, values):
                original.copy_(_like(value, original))
            else:
                groups[group_index][key] = _like(value, original)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give every group its scheduled value back: the same object with the same bits."""
        for (key, group_index), (original, copy) in self.held.items():
            if group_index < len(self.optimizer.param_groups):
                self.optimizer.param_groups[group_index][key] = original
            if copy is not None:
                original.copy_(copy)
        self.held.clear()

    def _same_for_all(self, key: str, tensor: Tensor, values: _Values) -> bool:
        """Return whether all groups that share this tensor get the same value.

        If not, each gets a tensor of its own for this step. Tensor values count as different: comparing
        them would wait for the device.
        """
        sharing = [i for i, held in enumerate(self._originals(key)) if held is tensor]
        wanted = [values.get((key, group_index)) for group_index in sharing]
        return len(wanted) == 1 or all(
            value is not None and not isinstance(value, Tensor) and value == wanted[0] for value in wanted
        )

    def _originals(self, key: str) -> list[Value | None]:
        held = self.held
        return [
            held[key, i][0] if (key, i) in held else group.get(key)
            for i, group in enumerate(self.optimizer.param_groups)
        ]


@torch.no_grad()
def _like(value: Value, original: Value) -> Value:
    """Return the value as the original is: a tensor if that is one, inside tuples too."""
    if isinstance(original, Tensor):
        new = torch.empty_like(original)
        return new.copy_(value) if isinstance(value, Tensor) else new.fill_(value)
    if isinstance(original, tuple):
        return tuple(_like(one, other) for one, other in zip(value, original, strict=True))
    return value


def unwrapped(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer inside Lightning's wrapper, or the optimizer itself.

    Raises:
        TypeError: it is not a ``torch.optim.Optimizer``.
    """
    inner = getattr(optimizer, "optimizer", None)
    if isinstance(inner, Optimizer):
        return inner
    if not isinstance(optimizer, Optimizer):
        kind = type(optimizer).__name__
        raise TypeError(
            f"{kind} is not a torch.optim.Optimizer: values of its param groups cannot be overridden"
        )
    return optimizer
