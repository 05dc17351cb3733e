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

A step that goes past the wrapper is caught by PyTorch's hooks for all optimizers: one that was bound before,
and that of an optimizer which replaced another. Code that ``torch.compile`` has traced, a captured CUDA graph
and an optimizer with a step of its own making go past both. ``look_after`` and ``seen_since`` tell so.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from freak_lightning.optimizers.group_names import Group, Names, group_names
from freak_lightning.optimizers.overlaid_optimizer import Held, OverlaidOptimizer, Value, like
from freak_lightning.optimizers.param_group_values import is_at_hand, is_number_or_numbers
from freak_lightning.optimizers.steps_seen import Look, StepsSeen

Rule = Callable[[int, int, dict[str, Value], Value], Value | None]
"""``rule(optimizer_index, group_index, group, scheduled)`` → the value to step with, None for no override."""


@dataclass(frozen=True, slots=True)
class GroupInForce:
    """A param group: its name, the class of its optimizer, its parameters, scheduled and effective values."""

    name: str
    optimizer: str
    params: Sequence[torch.Tensor]
    values: dict[str, tuple[Value, Value]]


MOST_TRIES = 3
"""How often to read what is in force again, if the training has begun a step meanwhile."""

MOST_WRAPPERS = 5
"""How many wrappers to look into: DeepSpeed's is in Lightning's, for one."""


class ParamGroupOverlay:
    """Overrides values of param groups (``lr``, ``weight_decay``, ``betas``, …) while their optimizers step.

    It follows the optimizers: others in the list, groups that are added or stepped one by one, and dicts that
    ``load_state_dict`` has replaced. Without a rule the optimizers are unchanged, and a step costs nothing.

    Args:
        optimizers: ``trainer.optimizers``, or a function that returns them as they are now. Of a wrapper such
            as ``LightningOptimizer`` the inner optimizer is wrapped.

    Raises:
        TypeError: one of them is not a ``torch.optim.Optimizer``.

    Example::

        overlay = ParamGroupOverlay(lambda: trainer.optimizers)
        overlay.attach()
        overlay.set_rule("lr", lambda optimizer_index, group_index, group, scheduled: scheduled * 0.5)
    """

    def __init__(self, optimizers: Sequence[Optimizer] | Callable[[], Sequence[Optimizer]]) -> None:
        self._present = optimizers if callable(optimizers) else lambda: optimizers
        self._rules: dict[str, Rule] = {}
        self._attached = False
        self._steps: list[OverlaidOptimizer] = []
        self._by_id: dict[int, OverlaidOptimizer] = {}
        self._foreign: WeakSet[Optimizer] = WeakSet()
        self._listed: list[int] = []
        self._held: Held = {}
        self._begun = 0
        self._by_hook: dict[int, OverlaidOptimizer] = {}
        self._hooks: list[RemovableHandle] = []
        self._seen = StepsSeen()
        self.bypassed: set[int] = set()
        """The optimizers whose last step has not used the override, by their numbers."""
        self.names: Names = {}
        """What the param groups are called."""
        self.follow()

    # -- the optimizers --------------------------------------------------------------------------

    def follow(self) -> None:
        """Take the optimizers and their groups as they are now; call it between two steps.

        Raises:
            TypeError: one of them is not a ``torch.optim.Optimizer``.
        """
        wrappers = list(self._present())
        self._listed = [id(each) for each in wrappers]
        now = [unwrapped(each) for each in wrappers]
        if [step.optimizer for step in self._steps] != now:
            for step in self._by_id.values():
                if step.optimizer not in now:
                    step.unwrap()
            before = {id(step.optimizer): step for step in self._steps}
            self._steps = [
                before.get(id(each)) or OverlaidOptimizer(each, index, self._held)
                for index, each in enumerate(now)
            ]
            for index, step in enumerate(self._steps):
                step.index = index
            self._by_id = {id(step.optimizer): step for step in self._steps}
            self._foreign = WeakSet(each for each in wrappers if isinstance(each, Optimizer))
            self._foreign.difference_update(now)
            self._wrap_steps()
        for step in self._steps:
            step.take_groups()
        self._name_groups()

    def _name_groups(self) -> None:
        self.names = group_names([step.groups for step in self._steps])

    def _stepping(self, optimizer: Optimizer) -> OverlaidOptimizer | None:
        """Return what is known of an optimizer that steps, also if it has just replaced another."""
        step = self._by_id.get(id(optimizer))
        if step is not None and step.optimizer is optimizer:
            return step
        if optimizer in self._foreign and [id(each) for each in self._present()] == self._listed:
            return None
        with contextlib.suppress(TypeError):
            self.follow()
        step = self._by_id.get(id(optimizer)) or self._adopted(optimizer)
        if step is None:
            self._foreign.add(optimizer)
        return step

    def _adopted(self, optimizer: Optimizer) -> OverlaidOptimizer | None:
        """Take an optimizer that is not in the list, but trains the weights of one that is."""
        theirs = {id(each) for group in optimizer.param_groups for each in group["params"]}
        for known in self._steps:
            if any(id(each) in theirs for group in known.groups for each in group["params"]):
                step = OverlaidOptimizer(optimizer, known.index, self._held, known)
                self._by_id[id(optimizer)] = step
                step.wrap(self._step)
                return step
        return None

    # -- the rules -------------------------------------------------------------------------------

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
        for step in self._by_id.values():
            if self._active:
                step.wrap(self._step)
            else:
                step.unwrap()
        if self._active and not self._hooks:
            before, after = register_optimizer_step_pre_hook, register_optimizer_step_post_hook
            self._hooks = [before(self._before_step), after(self._after_step)]
        elif not self._active:
            self._put_back_after_hooks()
            for hook in self._hooks:
                hook.remove()
            self._hooks.clear()

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
        self.bypassed.clear()
        self._wrap_steps()

    def optimizer(self, index: int) -> Optimizer:
        """Return an optimizer by its number."""
        return self._steps[index].optimizer

    def group(self, optimizer_index: int, group_index: int) -> Group:
        """Return a param group by its numbers."""
        return self._steps[optimizer_index].present_groups()[group_index]

    def scheduled(self, key: str) -> list[list[Value]]:
        """Return the scheduled values: a list per optimizer, a value per group, None without the key.

        Tensors are copies, on their device.
        """
        return [[step.scheduled(key, group) for group in step.present_groups()] for step in self._steps]

    def effective(self, key: str) -> list[list[Value]]:
        """Return the values that the next step would use, in the same shape as :meth:`scheduled`."""
        return [
            [self._effective(key, step, *numbered) for numbered in enumerate(step.present_groups())]
            for step in self._steps
        ]

    def _effective(self, key: str, step: OverlaidOptimizer, number: int, group: Group) -> Value:
        scheduled = step.scheduled(key, group)
        rule = self._rules.get(key)
        if rule is None or key not in group or step.index in self.bypassed:
            return scheduled
        value = rule(step.index, number, group, scheduled)
        return scheduled if value is None else like(value, scheduled)

    def _wanted(
        self, step: OverlaidOptimizer, groups: Sequence[tuple[int, Group]]
    ) -> list[tuple[Group, str, Value]]:
        """Return the rules' values for some groups; nothing is written yet, so a rule may raise."""
        values: list[tuple[Group, str, Value]] = []
        for key, rule in self._rules.items():
            for number, group in groups:
                if key not in group:
                    continue
                value = rule(step.index, number, group, step.scheduled_in_step(key, number, group))
                if value is not None:
                    values.append((group, key, value))
        return values

    # -- the step --------------------------------------------------------------------------------

    def _step(
        self, step: OverlaidOptimizer, own_step: Callable[..., object], *args: object, **kwargs: object
    ) -> object:
        """Call the optimizer's own step with the override in place."""
        # A step that calls itself has the override already.
        if torch.compiler.is_compiling() or not self._active or step.stepping:
            return own_step(*args, **kwargs)
        closure = kwargs.get("closure")
        if callable(closure):
            kwargs["closure"] = self._on_scheduled_values(step, closure)
        elif args and callable(args[0]):
            args = (self._on_scheduled_values(step, args[0]), *args[1:])
        self._begin(step)
        try:
            return own_step(*args, **kwargs)
        finally:
            self._end(step)

    def _begin(self, step: OverlaidOptimizer) -> None:
        groups_before = step.groups
        groups = step.stepped_groups()
        if step.groups is not groups_before and step.optimizer in [each.optimizer for each in self._steps]:
            self._name_groups()
        self._begun += 1
        step.write(self._wanted(step, groups))
        step.stepping = True

    def _end(self, step: OverlaidOptimizer) -> None:
        step.put_back()
        step.stepping = False
        self._seen.count(step.index)
        self.bypassed.discard(step.index)

    def _on_scheduled_values(
        self, step: OverlaidOptimizer, closure: Callable[[], object]
    ) -> Callable[[], object]:
        """Return a closure that runs on scheduled values; if it raises, they are in place already."""

        def wrapped() -> object:
            step.put_back()
            result = closure()
            if self._active:  # the closure may have detached the overlay
                step.write(self._wanted(step, step.stepped_groups()))
            return result

        return wrapped

    # -- steps that go past the wrapper ----------------------------------------------------------

    def _before_step(
        self, optimizer: Optimizer, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[object, ...], dict[str, object]] | None:
        if torch.compiler.is_compiling():  # not ours to trace: a user may compile with fullgraph=True
            return None
        step = self._stepping(optimizer)
        if step is None or (step.stepping and id(step) not in self._by_hook):
            return None
        self._put_back_after_hooks(step)  # its last update has raised, and then PyTorch calls no post hook
        self._begin(step)
        self._by_hook[id(step)] = step
        _, *rest = args
        if rest and callable(rest[0]):
            return (args[0], self._on_scheduled_values(step, rest[0]), *rest[1:]), kwargs
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": self._on_scheduled_values(step, kwargs["closure"])}
        return None

    def _after_step(self, optimizer: Optimizer, *_: object) -> None:
        step = None if torch.compiler.is_compiling() else self._by_id.get(id(optimizer))
        if step is not None and self._by_hook.pop(id(step), None) is not None:
            self._end(step)

    def _put_back_after_hooks(self, only: OverlaidOptimizer | None = None) -> None:
        for step in list(self._by_hook.values()) if only is None else [only]:
            if self._by_hook.pop(id(step), None) is not None:
                step.put_back()
                step.stepping = False

    # -- what is in force ------------------------------------------------------------------------

    def in_force(self) -> list[GroupInForce]:
        """Return what the groups hold, and what the next step would use; any thread may call it.

        Values on a device are left out: reading them would wait for it.
        """
        for _ in range(MOST_TRIES):
            begun = self._begun
            found = [
                self._in_force(step, number, group)
                for step in list(self._steps)
                for number, group in enumerate(step.present_groups())
            ]
            if begun == self._begun:  # else a step has begun meanwhile, and wrote its override
                break
        return found

    def _in_force(self, step: OverlaidOptimizer, number: int, group: Group) -> GroupInForce:
        values: dict[str, tuple[Value, Value]] = {}
        for key, present in dict(group).items():  # a copy: the training may add a key
            if key != "params" and is_number_or_numbers(present):
                scheduled = step.scheduled(key, group)
                known = is_at_hand(scheduled)
                effective = self._effective(key, step, number, group) if known else scheduled
                values[key] = (scheduled, effective)
        name = self.names.get((step.index, number), f"{step.index}/{number}")
        return GroupInForce(name, type(step.optimizer).__name__, group["params"], values)

    # -- whether a step has used it --------------------------------------------------------------

    def look_after(self) -> Look:
        """Return what ``seen_since`` compares with, for the optimizers whose values are overridden now."""
        wanting = [step for step in self._steps if self._wanted(step, list(enumerate(step.present_groups())))]
        return self._seen.look(wanting)

    def seen_since(self, look: Look) -> tuple[list[int], list[int]]:
        """Return the optimizers that have stepped with their override, and those that stepped without it."""
        return self._seen.since(look, self._steps)

    def describe(self, index: int) -> str:
        """Return an optimizer in words, such as ``optimizer 0 (SGD)``."""
        return f"optimizer {index} ({type(self.optimizer(index)).__name__})"


def unwrapped(optimizer: Optimizer) -> Optimizer:
    """Return the innermost optimizer of a wrapper such as Lightning's, or the optimizer itself.

    Raises:
        TypeError: it is not a ``torch.optim.Optimizer``.
    """
    innermost: Optimizer | None = None
    each: object = optimizer
    for _ in range(MOST_WRAPPERS):
        innermost = each if isinstance(each, Optimizer) else innermost
        each = getattr(each, "optimizer", None)
    if innermost is None:
        kind = type(optimizer).__name__
        raise TypeError(
            f"{kind} is not a torch.optim.Optimizer: values of its param groups cannot be overridden"
        )
    return innermost
