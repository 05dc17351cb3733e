"""What no request may bring in: import paths, and numbers that JSON does not have."""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from freak_core.annotation import is_import, item, members
from freak_core.errors import FieldError, Rejected
from freak_core.paths import ABSENT, Path, equal
from freak_core.schema import has_imports, records
from freak_core.strict_json import JSON
from freak_core.validation import reason, rejected


def as_json(body: Any, path: Path) -> JSON:
    """Return a copy of ``body`` as JSON has it: tuples become lists, and keys strings.

    Raises:
        Rejected: it has something that is not JSON.
    """
    try:
        copied: JSON = json.loads(json.dumps(body))
    except (TypeError, ValueError, RecursionError) as error:
        raise rejected([reason(path, "json_type", f"this is not JSON: {error}")]) from None
    return copied


def intruders(kind: type[BaseModel], wanted: JSON, *known: JSON) -> list[FieldError]:
    """Return why ``wanted`` must not be validated, as it has what no request may bring in.

    What one of the ``known`` documents has at the same path is no intruder: it came from the program.
    """
    found = []
    for path, value in _imports(kind, wanted) if has_imports(kind) else ():
        if all(not _has(dict(_imports(kind, each)), path, value) for each in (*known, None)):
            message = "this is read-only: import paths are never taken from requests"
            found.append(reason(path, "read_only", message))
    for path, value in _boundless(wanted):
        if all(not _has(dict(_boundless(each)), path, value) for each in known):
            found.append(reason(path, "finite_number", "numbers must be finite, as JSON has no others"))
    return found


def _has(held: dict[Path, Any], path: Path, value: Any) -> bool:
    there = held.get(path, ABSENT)
    return there is not ABSENT and equal(there, value)


def _imports(annotation: Any, value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of all that validation may import, whichever member of a union it takes."""
    if is_import(annotation):
        yield path, value
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from _imports(item(annotation, i), each, (*path, str(i)))
    elif isinstance(value, dict):
        for record in records(annotation):
            for name, each in record.by_names(value).items():
                yield from _imports(record.fields.get(name, Any), each, (*path, name))
        for member in members(annotation):
            if get_origin(member) is not None and len(get_args(member)) == 2:  # a mapping
                for_key, for_value = get_args(member)
                for key, each in value.items():
                    yield from _imports(for_key, key, (*path, key))
                    yield from _imports(for_value, each, (*path, key))


def _boundless(value: JSON, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of NaN, the infinities and the integers that a float field makes infinite."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _boundless(each, (*path, key))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _boundless(each, (*path, str(i)))
    elif isinstance(value, int) and abs(value) > sys.float_info.max:
        yield path, value
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value
