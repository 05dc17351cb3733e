r"""Paths into the state, in three spellings of one tuple of keys.

=============  ======================  ==========================================
tuple          ``("model", "hidden")``  inside this package
JSON Pointer   ``/model/hidden``        in URLs and receipts (RFC 6901: ``~0 ~1``)
dots           ``model.hidden``         in Python and the shell (``\.`` is a dot in a key)
=============  ======================  ==========================================
"""

import difflib
import enum
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from freak_core.errors import Malformed, NotFound
from freak_core.strict_json import JSON

Path: TypeAlias = tuple[str, ...]


class _Absent(enum.Enum):  # an Enum stays itself when copied
    ABSENT = enum.auto()


ABSENT: Final[Any] = _Absent.ABSENT
"""Stands for the value at a path that leads nowhere, where null would be a value."""

PLAIN: Final = frozenset([type(None), bool, int, float, str])
"""The types of a JSON value that has nothing inside."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def from_pointer(pointer: str) -> Path:
    """Return the path of a JSON Pointer; the leading slash may be missing, ``""`` is the whole.

    Raises:
        Malformed: a ``~`` is not followed by 0 or 1.
    """
    if pointer == "":
        return ()
    if re.search(r"~(?![01])", pointer):
        raise Malformed("In a JSON Pointer '~' must be written '~0'.")
    parts = pointer.removeprefix("/").split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def to_pointer(path: Path) -> str:
    """Return the JSON Pointer of ``path``, with a leading slash unless it is the whole."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def from_dots(dots: str) -> Path:
    r"""Return the path of ``model.hidden.0``; a backslash takes the next character as it is."""
    if dots == "":
        return ()
    parts, part, letters = [], "", iter(dots)
    for letter in letters:
        if letter == "\\":
            part += next(letters, "")
        elif letter == ".":
            parts.append(part)
            part = ""
        else:
            part += letter
    return (*parts, part)


def to_dots(path: Path) -> str:
    r"""Return ``path`` with dots; the path of one empty key is a lone backslash, ``""`` is the whole."""
    if path == ("",):
        return "\\"
    return ".".join(part.replace("\\", "\\\\").replace(".", "\\.") for part in path)


def get(document: JSON, path: Path) -> JSON:
    """Return the value at ``path``.

    Raises:
        NotFound: there is none; names the nearest parent that exists and close matches.
    """
    for depth, part in enumerate(path):
        if isinstance(document, dict):
            if part not in document:
                raise missing(path[:depth], part, document)
            document = document[part]
        elif isinstance(document, list):
            document = document[index(document, path[:depth], part)]
        else:
            raise missing(path[:depth], part)
    return document


def index(items: list[JSON], parent: Path, part: str) -> int:
    """Return ``part`` as an index of ``items``, the list at ``parent``, or raise NotFound."""
    if _INDEX.fullmatch(part) and int(part) < len(items):
        return int(part)
    length = len(items)
    held = f"its indices are 0 to {length - 1}" if length else "it is empty"
    raise NotFound(f"no index {part[:80]!r} in {_named(parent)}; {held}")


def inside(value: Any, key: str | int) -> Any:
    """Return the child ``key`` of an object, by name, or of a list, by index; else ``ABSENT``."""
    if isinstance(value, dict):
        return value.get(str(key), ABSENT)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return ABSENT


def missing(parent: Path, part: str, known: Iterable[str] | None = None) -> NotFound:
    """Return the error that says that ``parent``, which exists, has no ``part``."""
    if known is None:
        return NotFound(f"no {part[:80]!r} in {_named(parent)}, which is a single value")
    return NotFound(f"no {part[:80]!r} in {_named(parent)}{did_you_mean(part, known)}")


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
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'lr'?``, or nothing where no known word comes close."""
    close = difflib.get_close_matches(word[:80], list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _named(path: Path) -> str:
    return to_pointer(path) if path else "the state"
