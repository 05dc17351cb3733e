"""What param groups are called."""

from collections.abc import Sequence
from typing import Any

Group = dict[str, Any]
"""A param group of a torch optimizer."""

Names = dict[tuple[int, int], str]
"""What param groups are called, by (optimizer, group)."""


def group_names(groups: Sequence[Sequence[Group]]) -> Names:
    """Return a unique name for each group: NAME, else OPTIMIZER/NAME, else OPTIMIZER/GROUP.

    ``groups`` has a list of groups for each optimizer.
    """
    own = {(i, j): group.get("name") for i, each in enumerate(groups) for j, group in enumerate(each)}
    names: Names = {}
    for (i, j), name in own.items():
        alike = [other for (other, _), its in own.items() if name is not None and str(its) == str(name)]
        if name is None or alike.count(i) > 1:
            names[i, j] = f"{i}/{j}"
        else:
            names[i, j] = str(name) if len(alike) == 1 else f"{i}/{name}"
    return names
