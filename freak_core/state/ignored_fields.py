"""Whether a field that no type declares makes a difference: a validator of the whole model may know it."""

from collections.abc import Callable
from typing import Any, TypeAlias

from pydantic import BaseModel

from freak_core.state.in_place import same
from freak_core.state.json_values import container_copied, inside
from freak_core.text.paths import Path
from freak_core.text.strict_json import JSON

Validate: TypeAlias = Callable[[JSON], BaseModel | None]
"""Returns the state that a document makes, or None if it makes none."""


def is_ignored(document: JSON, path: Path, model: BaseModel, validate: Validate) -> bool:
    """Whether the value at ``path`` has no effect: the validator that sees it first does not know it.

    Args:
        document: of the new state, with the field.
        path: of the field.
        model: the new state.
        validate: makes a state of a document without the field, and of one with another value in it.
    """
    trials = []
    for change in ("left out", "another value"):
        holder = container_copied(document)
        trials.append(holder)
        for part in path[:-1]:
            key: Any = int(part) if isinstance(holder, list) else part
            child = container_copied(inside(holder, key))
            if not isinstance(holder, dict | list) or not isinstance(child, dict | list):
                return False
            holder[key] = holder = child
        if not isinstance(holder, dict) or path[-1] not in holder:
            return False  # a later operation took it away
        if change == "left out":
            del holder[path[-1]]
        else:
            holder[path[-1]] = _another(holder[path[-1]])
    return all(same(validate(trial), model) for trial in trials)


def _another(value: JSON) -> JSON:
    """Return a value of the same kind that differs."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1 if value + 1 != value else 0
    if isinstance(value, str):
        return value + "-"
    return [*value, None] if isinstance(value, list) else {**value, "-": None}
