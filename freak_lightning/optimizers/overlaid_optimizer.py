"""One optimizer whose param group values are overridden while it steps."""

import functools
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from freak_lightning.optimizers.group_names import Group

Value = Any
"""What a param group has under a key: a number, a tensor, a tuple of them such as ``betas``, or None."""

Values = dict[tuple[str, int], Value]
"""Values by key and number of the group."""

Held = dict[tuple[int, str], tuple[Group, Value, Tensor | None]]
"""By the group's identity and the key: the group, the scheduled object, and a copy if it is a tensor."""


class OverlaidOptimizer:
    """One optimizer, its param groups by number, and the scheduled values to put back after its step.

    Args:
        optimizer: a ``torch.optim.Optimizer``, not a wrapper of one.
        index: its number among the trainer's optimizers.
        held: what all optimizers of an overlay hold: two of them may share their groups.
        outer: the trainer's optimizer whose weights this one trains, if it is not the trainer's itself.
    """

    def __init__(
        self, optimizer: Optimizer, index: int, held: Held, outer: "OverlaidOptimizer | None" = None
    ) -> None:
        self.optimizer = optimizer
        self.index = index
        self.outer = outer
        self.stepping = False
        self.groups: list[Group] = list(optimizer.param_groups)
        self._all_held = held
        self._held: Held = {}
        self._wrapper: MethodType | None = None
        self._own: Any = None
        """The step that somebody else has set on the instance, if any."""

    # -- the groups ------------------------------------------------------------------------------

    def take_groups(self) -> None:
        """Take the groups as they are now, between two steps."""
        if not self.stepping:
            self.groups = list(self.optimizer.param_groups)

    def stepped_groups(self) -> list[tuple[int, Group]]:
        """Return the groups of the step that begins, with their numbers.

        DeepSpeed steps its inner optimizer once for each group, with that group alone in ``param_groups``.
        """
        now = self.optimizer.param_groups
        if len(now) < len(self.groups):
            numbered = [(self._number(group), group) for group in now]
            if all(number is not None for number, _ in numbered):
                return [(number, group) for number, group in numbered if number is not None]
        if len(now) != len(self.groups) or any(a is not b for a, b in zip(now, self.groups, strict=True)):
            # load_state_dict replaces the dicts, a callback that unfreezes layers adds some.
            self.groups = list(now)
        return list(enumerate(self.groups))

    def present_groups(self) -> list[Group]:
        """Return all groups as they are now, also in a step of one of them alone."""
        now = list(self.optimizer.param_groups)
        return self.groups if self.stepping and len(now) < len(self.groups) else now

    def _number(self, group: Group) -> int | None:
        for number, known in enumerate(self.groups):
            same = known is group
            params, others = group["params"], known["params"]
            if same or (len(params) > 0 and len(others) > 0 and params[0] is others[0]):
                return number
        return None

    def weights(self) -> Iterator[Tensor]:
        """Yield the weights of all groups."""
        return (each for group in self.groups for each in group["params"])

    # -- the step --------------------------------------------------------------------------------

    def wrap(self, around: Callable[..., object]) -> None:
        """Have ``around(self, step, ...)`` called in place of the optimizer's step; twice is fine.

        The wrapper is a method with the attributes of the step, since schedulers look for both.
        """
        if self._wrapper is not None:
            return
        own_step: Callable[..., object] = self.optimizer.step

        @functools.wraps(getattr(own_step, "__func__", own_step))
        def step(_: Optimizer, *args: object, **kwargs: object) -> object:
            return around(self, own_step, *args, **kwargs)

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

    def scheduled(self, key: str, group: Group) -> Value | None:
        """Return the scheduled value, in the middle of a step too; a tensor as a copy."""
        held = self._all_held.get((id(group), key))
        if held is not None:
            _, original, copy = held
            return original if copy is None else copy.clone()
        value = group.get(key)
        return value.detach().clone() if isinstance(value, Tensor) else value

    def scheduled_in_step(self, key: str, number: int, group: Group) -> Value | None:
        """Return the scheduled value of a group by its number, also in a step inside the outer one's.

        ``ZeroRedundancyOptimizer`` copies its values, overridden already, to the optimizer that it calls.
        """
        outer = self.outer
        if outer is not None and outer.stepping and number < len(outer.groups):
            group = outer.groups[number]
        return self.scheduled(key, group)

    @torch.no_grad()
    def write(self, values: list[tuple[Group, str, Value]]) -> None:
        """Write the values. Tensors are filled in place: a captured step reads them at their address."""
        # An optimizer inside this one may share the groups, and then has the override already.
        values = [each for each in values if (id(each[0]), each[1]) not in self._all_held]
        for group, key, _ in values:  # read all before writing any: groups may share one tensor
            original = group[key]
            copy = original.detach().clone() if isinstance(original, Tensor) else None
            self._held[id(group), key] = (group, original, copy)
        self._all_held |= self._held
        for group, key, value in values:
            original = group[key]
            if isinstance(original, Tensor) and self._same_for_all(key, original, values):
                original.copy_(like(value, original))
            else:
                group[key] = like(value, original)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give every group its scheduled value back: the same object with the same bits."""
        for (_, key), (group, original, copy) in self._held.items():
            group[key] = original
            if copy is not None:
                original.copy_(copy)
        for place in self._held:
            self._all_held.pop(place, None)
        self._held.clear()

    def _same_for_all(self, key: str, tensor: Tensor, values: list[tuple[Group, str, Value]]) -> bool:
        """Return whether all groups that share this tensor get the same value.

        If not, each gets a tensor of its own for this step. Tensor values count as different: comparing
        tensors on a GPU would wait for it.
        """
        sharing = [group for group in self.groups if self._original(key, group) is tensor]
        wanted = {id(group): value for group, its_key, value in values if its_key == key}
        asked = [wanted.get(id(group)) for group in sharing]
        return len(asked) == 1 or all(
            value is not None and not isinstance(value, Tensor) and value == asked[0] for value in asked
        )

    def _original(self, key: str, group: Group) -> Value | None:
        held = self._held.get((id(group), key))
        return group.get(key) if held is None else held[1]


@torch.no_grad()
def like(value: Value, original: Value) -> Value:
    """Return the value as the original is: a tensor if that is one, inside tuples too."""
    if isinstance(original, Tensor):
        new = torch.empty_like(original)
        return new.copy_(value) if isinstance(value, Tensor) else new.fill_(value)
    if isinstance(original, tuple):
        return tuple(like(one, other) for one, other in zip(value, original, strict=True))
    return value
