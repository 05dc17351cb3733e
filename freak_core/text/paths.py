r"""Paths into the state, in three spellings of one tuple of keys.

=============  ======================  ==========================================
tuple          ``("model", "hidden")``  inside this package
JSON Pointer   ``/model/hidden``        in URLs and receipts (RFC 6901: ``~0 ~1``)
dots           ``model.hidden``         in Python and the shell (``\.`` is a dot in a key)
=============  ======================  ==========================================
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from freak_core.errors import Malformed, NotFound
from freak_core.text.strict_json import JSON

Path: TypeAlias = tuple[str, ...]


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


def leaves(value: object, path: Path = ()) -> Iterable[tuple[str, object]]:
    """Yield path, with dots, and value of everything in a JSON value that holds nothing else."""
    if isinstance(value, Mapping | list) and value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*path, str(key)))
    else:
        yield to_dots(path), value


def index(items: list[JSON], parent: Path, part: str, *, end: bool = False) -> int:
    """Return ``part`` as an index of ``items``, the list at ``parent``; with ``end`` also the next one.

    Raises:
        NotFound: it is no such index.
    """
    if _INDEX.fullmatch(part) and int(part) < len(items) + end:
        return int(part)
    length = len(items)
    held = f"its indices are 0 to {length - 1}" if length else "it is empty"
    raise NotFound(f"no index {part[:80]!r} in {_named(parent)}; {held}")


def missing(parent: Path, part: str, known: Iterable[str] | None = None) -> NotFound:
    """Return the error that says that ``parent``, which exists, has no ``part``."""
    if known is None:
        return NotFound(f"no {part[:80]!r} in {_named(parent)}, which is a single value")
    return NotFound(f"no {part[:80]!r} in {_named(parent)}{did_you_mean(part, known)}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'lr'?``, or nothing where no known word comes close."""
    by_folded: dict[str, str] = {}
    for each in known:
        by_folded.setdefault(each.casefold(), each)
    near = difflib.get_close_matches(word[:80].casefold(), list(by_folded), n=3, cutoff=0.6)
    close = [by_folded[each] for each in near]
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _named(path: Path) -> str:
    return to_pointer(path) if path else "the state"
