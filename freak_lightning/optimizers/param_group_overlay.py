"""Other values for an optimizer's param groups, in place only while the optimizer steps.

Writing ``group["lr"]`` between steps is either overwritten by the scheduler or bends it for ever: most
schedulers compute the next rate from the present one. So the overlay writes just before
``optimizer.step()`` and puts the scheduled values back just after. The scheduler never sees the override, a
checkpoint stores the schedule, and letting go of an override is doing nothing.

    optimizer.step(closure)
      before      remember the scheduled values, write the override
      closure     scheduled values again: training_step and backward run in here; they may raise, step a
                  scheduler or write a rate of their own; the override is written anew from what they leave
      update      the override, for the optimizer's step hooks too
      after       scheduled values again, also where the update raises (out of memory, say)

``optimizer.step`` itself is wrapped, since PyTorch leaves its post hooks out where the update raises: a
program that catches that would go on with the override for ever, and its scheduler from it. ``GradScaler``
skips a step by not calling it, so nothing was written that would have to be put back.
"""

import functools
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Rule = Callable[[int, int, dict[str, Any], Any], Any]
"""``rule(optimizer_index, group_index, group, scheduled)`` → the value to step with, or None to leave it."""

_Values = dict[tuple[str, int], Any]


class ParamGroupOverlay:
    """Hold values of param groups (``lr``, ``weight_decay``, ``betas``, …) while their optimizers step.

    Groups are looked up by index at every step: ``load_state_dict`` replaces the dicts, and a callback that
    unfreezes layers adds groups. Without a rule the optimizers are as they were, and a step costs nothing.

    Args:
        optimizers: ``trainer.optimizers``, or the same wrapped by Lightning: then the inner ones are watched,
            since ``LightningOptimizer`` steps those and does not promise to mirror their state.

    Raises:
        TypeError: one of them is no ``torch.optim.Optimizer``.

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
        """Follow the rules from the next step on; a second call does nothing."""
        self._attached = True
        self._watch()

    def detach(self) -> None:
        """Stop; a second call does nothing."""
        self._attached = False
        self._watch()

    @property
    def _active(self) -> bool:
        return self._attached and bool(self._rules)

    def _watch(self) -> None:
        """Wrap the optimizers' steps as long as there is something to do in them."""
        for index, step in enumerate(self._steps):
            if self._active:
                step.wrap(functools.partial(self._step, index))
            else:
                step.unwrap()

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

    def _step(self, index: int, go: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Step with the override in place; ``go`` is the optimizer's own step."""
        step = self._steps[index]
        if not self._active or step.held:  # a step that calls itself is held already
            return go(*args, **kwargs)
        if callable(kwargs.get("closure")):
            kwargs["closure"] = self._shielded(index, kwargs["closure"])
        elif args and callable(args[0]):
            args = (self._shielded(index, args[0]), *args[1:])
        step.write(self._wanted(index))
        try:
            return go(*args, **kwargs)
        finally:
            step.put_back()

    def _shielded(self, index: int, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Return the closure, run on scheduled values. Where it raises, nothing is left to put back."""
        step = self._steps[index]

        def shielded() -> Any:
            step.put_back()
            result = closure()
            if self._active:  # not detached meanwhile
                step.write(self._wanted(index))
            return result

        return shielded


class _Step:
    """One optimizer, and the scheduled values to give back to it when its step is over."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.held: dict[tuple[str, int], tuple[Any, Tensor | None]] = {}
        self._wrapper: Any = None
        self._own: Any = None

    def wrap(self, around: Callable[..., Any]) -> None:
        """Have ``around(step, ...)`` called in place of the optimizer's step; a second call does nothing.

        As a method, and with the attributes of the step: schedulers look for both.
        """
        if self._wrapper is not None:
            return
        go: Any = self.optimizer.step

        @functools.wraps(getattr(go, "__func__", go))
        def step(_: Optimizer, *args: Any, **kwargs: Any) -> Any:
            return around(go, *args, **kwargs)

        self._own = vars(self.optimizer).get("step")
        self._wrapper = MethodType(step, self.optimizer)
        self.optimizer.step = self._wrapper  # type: ignore[method-assign]

    def unwrap(self) -> None:
        """Give the optimizer its own step back, unless somebody has wrapped ours meanwhile."""
        if self._wrapper is None or vars(self.optimizer).get("step") is not self._wrapper:
            return
        if self._own is None:
            del self.optimizer.__dict__["step"]
        else:
            self.optimizer.step = self._own  # type: ignore[method-assign]
        self._wrapper = self._own = None

    def scheduled(self, key: str, group_index: int) -> Any:
        """The schedule's value, in the middle of a step too; a tensor as a copy, which later writes spare."""
        held = self.held.get((key, group_index))
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
            self.held[key, group_index] = (original, copy)
        for (key, group_index), value in values.items():
            original = groups[group_index][key]
            if isinstance(original, Tensor) and self._alone(key, original, values):
                original.copy_(_like(value, original))
            else:
                groups[group_index][key] = _like(value, original)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give every group its scheduled value again, the same object with the same bits."""
        for (key, group_index), (original, copy) in self.held.items():
            if group_index < len(self.optimizer.param_groups):
                self.optimizer.param_groups[group_index][key] = original
            if copy is not None:
                original.copy_(copy)
        self.held.clear()

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
        held = self.held
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
        raise TypeError(f"{type(optimizer).__name__} is no torch.optim.Optimizer, whose step can be watched")
    return optimizer
