"""Which optimizers have stepped with their override, and which have stepped without it."""

from collections.abc import Sequence
from dataclasses import dataclass

from freak_lightning.lightning_api.weights_version import weights_versions
from freak_lightning.optimizers.overlaid_optimizer import OverlaidOptimizer

LEAST_SHARE = 0.25
"""The share of an optimizer's weights that a step changes at least; some may have got no gradient."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was so when an override was set, by the number of each optimizer that it is for."""

    uses: dict[int, int]
    versions: dict[int, dict[int, int]]
    """By the identity of each weight: a number that grows with every change of the weight in place."""


class StepsSeen:
    """Counts the steps with an override, and looks whether weights have changed without one."""

    def __init__(self) -> None:
        self._uses: dict[int, int] = {}

    def count(self, index: int) -> None:
        """Count a step with its override."""
        self._uses[index] = self._uses.get(index, 0) + 1

    def look(self, wanting: Sequence[OverlaidOptimizer]) -> Look:
        """Return what ``since`` compares with, for the optimizers whose values are overridden now."""
        return Look(
            uses={step.index: self._uses.get(step.index, 0) for step in wanting},
            versions={step.index: weights_versions(step.weights()) for step in wanting},
        )

    def since(self, look: Look, steps: Sequence[OverlaidOptimizer]) -> tuple[list[int], list[int]]:
        """Return the optimizers that have stepped with their override, and those that stepped without it.

        An optimizer that has not stepped at all is in neither list: ``GradScaler`` skips steps, and manual
        optimization may step an optimizer now and then only.
        """
        used = [index for index, uses in look.uses.items() if self._uses.get(index, 0) > uses]
        # Two optimizers may have the same weights: one that has stepped says nothing of the other.
        others = {id(each) for step in steps if step.index in used for each in step.weights()}
        past: list[int] = []
        for step in steps:
            before = look.versions.get(step.index)
            if before is None or step.index in used:
                continue
            trained = [each for each in step.weights() if each.requires_grad and id(each) not in others]
            now = weights_versions(trained)
            changed = [key for key, version in now.items() if version != before.get(key, version)]
            # Fewer change without a step: an ``Embedding`` with ``max_norm`` scales its own in the forward.
            if changed and len(changed) >= len(now) * LEAST_SHARE:
                past.append(step.index)
        return used, past
