"""What a change of the state sends from the program to its server: the values that differ."""

from typing import Any, TypeAlias

Changed: TypeAlias = list[tuple[list[str], object]]
"""Each value that differs, with the keys that lead to it. No keys stand for the whole state."""


def changed(before: object, after: object) -> Changed:
    """Return what turns the state ``before`` into ``after``; what both share by identity is left out."""
    found: Changed = []
    waiting: list[tuple[list[str], object, object]] = [([], before, after)]
    while waiting:
        path, old, new = waiting.pop()
        if old is new or (type(old) is type(new) and type(new) in (str, int, bool) and old == new):
            continue
        if isinstance(old, dict) and isinstance(new, dict) and list(old) == list(new):
            waiting += [([*path, key], old[key], new[key]) for key in new]
        else:
            found.append((path, new))
    return found


def with_changes(state: Any, made: Changed) -> object:
    """Return a copy of ``state`` with the changes that ``changed`` has found; the rest is shared."""
    for path, value in made:
        if not path:
            state = value
            continue
        state = holder = dict(state)
        for key in path[:-1]:
            holder[key] = dict(holder[key])
            holder = holder[key]
        holder[path[-1]] = value
    return state
