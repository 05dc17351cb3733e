"""Values of a state as JSON: where there is none, what is equal, what differs."""

import enum
import json
from collections.abc import Iterator
from typing import Any, Final

from freak_core.paths import Path
from freak_core.strict_json import JSON


class _Absent(enum.Enum):  # an Enum stays itself when copied
    ABSENT = enum.auto()


ABSENT: Final[Any] = _Absent.ABSENT
"""Stands for the value at a path that leads nowhere, where null would be a value."""

PLAIN: Final = frozenset([type(None), bool, int, float, str])
"""The types of a JSON value that has nothing inside."""


def inside(value: Any, key: str | int) -> Any:
    """Return the child ``key`` of an object, by name, or of a list, by index; else ``ABSENT``."""
    if isinstance(value, dict):
        return value.get(str(key), ABSENT)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return ABSENT


def differences(before: JSON, after: JSON, path: Path = ()) -> Iterator[tuple[Path, JSON, JSON]]:
    """Yield path, old and new value of every leaf that differs; lists are compared as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), (*path, key))
    elif not equal(before, after):
        yield path, before, after


def equal(one: JSON, other: JSON) -> bool:
    """Whether two values are the same JSON; unlike in Python, true is not 1 and -0.0 is not 0.0."""
    if type(one) in (str, int, bool):
        return type(one) is type(other) and one == other
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except ValueError:  # an integer with more digits than Python writes
        return _in_hex(one) == _in_hex(other)


def _in_hex(value: JSON) -> str:
    """Return a text that is equal for equal JSON, with integers in hexadecimal: these have no limit."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_in_hex(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_in_hex, value)) + "]"
    return hex(value) if type(value) is int else repr(value)
