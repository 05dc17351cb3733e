"""Values of a state as JSON: where there is none, what is equal, what differs."""

import enum
import json
from collections.abc import Collection, Iterator
from typing import Final, cast

from pydantic_core import to_jsonable_python

from freak_core.text.paths import Path
from freak_core.text.strict_json import JSON


class _Absent(enum.Enum):  # an Enum stays itself when copied
    ABSENT = enum.auto()


ABSENT: Final[JSON] = cast(JSON, _Absent.ABSENT)
"""Stands for the value at a path that leads nowhere, where null would be a value."""

PLAIN: Final = frozenset([type(None), bool, int, float, str])
"""The types of a JSON value that has nothing inside."""


DEEPEST: Final = 100
"""How deep a document goes; pydantic's parser of JSON has a limit too."""


class Kept:
    """A live object in a document.

    Args:
        live: the object itself.
        form: its JSON form, or ``ABSENT``.
        partial: whether the form lacks some of what the object holds, so that nothing inside can be changed.
    """

    def __init__(self, live: object, form: JSON = ABSENT, *, partial: bool = False) -> None:
        self.live = live
        self.form = form
        self.partial = partial

    def __deepcopy__(self, memo: object) -> "Kept":
        return self

    def __repr__(self) -> str:
        return f"<{type(self.live).__name__} {id(self.live)}>"


def kept(live: object, form: JSON = ABSENT, *, partial: bool = False) -> JSON:
    """Return a live object as it stands in a document, in the place of its JSON form."""
    return cast(JSON, Kept(live, form, partial=partial))


def opened(value: JSON) -> JSON:
    """Return a value of a document in a form that may be changed: a kept object gives its JSON form."""
    return opened(value.form) if isinstance(value, Kept) else value


def holds_kept(value: JSON) -> bool:
    """Whether a live object without a whole JSON form is somewhere in ``value``."""
    if isinstance(value, Kept):
        return value.partial or value.form is ABSENT or holds_kept(value.form)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(type(each) not in PLAIN and holds_kept(each) for each in inside)


def as_plain_json(value: JSON) -> JSON:
    """Return a document without live objects. A container of one without a whole form is ``ABSENT``."""
    if isinstance(value, Kept):
        return ABSENT if value.partial else as_plain_json(value.form)
    if isinstance(value, Fields):
        plain = {name: as_plain_json(each) for name, each in value.items()}
        return {name: each for name, each in plain.items() if each is not ABSENT}
    if isinstance(value, dict):
        plain = {key: as_plain_json(each) for key, each in value.items()}
        return ABSENT if ABSENT in plain.values() else plain
    if isinstance(value, list):
        if is_plain(value):
            return list(value)
        items = [each if type(each) in PLAIN else as_plain_json(each) for each in value]
        return ABSENT if any(each is ABSENT for each in items) else items
    return value


def is_plain(values: Collection[object]) -> bool:
    """Whether all values have nothing inside."""
    return PLAIN.issuperset(set(map(type, values)))


def copied(value: JSON) -> JSON:
    """Return a copy of a document. Live objects in it are not copied."""
    if isinstance(value, dict):
        found = type(value)()
        found.update((key, copied(each)) for key, each in value.items())
        return found
    if isinstance(value, list):
        return list(value) if is_plain(value) else list(map(copied, value))
    return value


def container_copied(value: JSON) -> JSON:
    """Return a copy of an object or a list that shares what is inside; any other value as it is."""
    if isinstance(value, dict):
        return type(value)(value)
    return type(value)(value) if isinstance(value, list) else value


class Fields(dict[str, JSON]):
    """The fields of a model in a document: one without a JSON form can be left out of plain JSON."""


def inside(value: JSON, key: str | int) -> JSON:
    """Return the child ``key`` of an object, by name, or of a list, by index; else ``ABSENT``."""
    value = opened(value)
    if isinstance(value, dict):
        return value.get(str(key), ABSENT)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return ABSENT


def json_key(key: object) -> str:
    """Return the key of a dict as JSON writes it."""
    if type(key) is str:
        return key
    try:
        return str(next(iter(to_jsonable_python({key: None}))))
    except Exception:  # noqa: BLE001  __hash__ and serializers are user code
        return str(key)


def differences(before: JSON, after: JSON, path: Path = ()) -> Iterator[tuple[Path, JSON, JSON]]:
    """Yield path, old and new value of every leaf that differs; lists are compared as a whole."""
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            if (key in before) != (key in after) and before.get(key) is after.get(key) is None:
                yield (*path, key), None, None  # a key with the value null came or went
            yield from differences(before.get(key), after.get(key), (*path, key))
    elif not equal(before, after):
        yield path, before, after


def equal(one: JSON, other: JSON) -> bool:
    """Whether two values are the same JSON; unlike in Python, true is not 1 and -0.0 is not 0.0."""
    if one is other:  # documents share what no operation has touched
        return True
    if type(one) in (str, int, bool):
        return type(one) is type(other) and one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    try:
        return json.dumps(one, sort_keys=True, default=repr) == json.dumps(
            other, sort_keys=True, default=repr
        )
    except ValueError:  # an integer with more digits than Python writes
        return _in_hex(one) == _in_hex(other)


def _in_hex(value: JSON) -> str:
    """Return a text that is equal for equal JSON, with integers in hexadecimal: these have no limit."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_in_hex(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_in_hex, value)) + "]"
    return hex(value) if type(value) is int else repr(value)
