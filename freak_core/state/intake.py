"""What no request may bring in: import paths, and numbers that JSON does not have."""

import json
import sys
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from freak_core.errors import FieldError
from freak_core.paths import Path, equal
from freak_core.state.fields import has_imports, records
from freak_core.state.type_hints import is_import, item, members
from freak_core.state.validation import reason, rejected
from freak_core.strict_json import JSON


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
    if has_imports(kind):
        message = "this is read-only: import paths are never taken from requests"
        held = [dict(_imports(kind, each)) for each in known]
        found += [reason(path, "read_only", message) for path in _news(dict(_imports(kind, wanted)), held)]
    boundless = dict(_boundless(wanted))
    if boundless:
        message = "numbers must be finite and fit into a float"
        held = [dict(_boundless(each)) for each in known]
        found += [reason(path, "finite_number", message) for path in _news(boundless, held)]
    return found


def _news(wanted: dict[Path, Any], held: list[dict[Path, Any]]) -> Iterator[Path]:
    for path, value in wanted.items():
        there = [each[path] for each in held if path in each]
        if not any(equal(each, value) for each in there or [None]):
            yield path


def _imports(
    annotation: Any, value: Any, path: Path = (), *, sure: bool = True
) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of all that validation may import, whichever member of a union it takes.

    Only text is imported: where another variant may be meant (not ``sure``), the rest is not yielded.
    """
    if is_import(annotation) and (sure or isinstance(value, str)):
        yield path, value
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from _imports(item(annotation, i), each, (*path, str(i)), sure=sure)
    elif isinstance(value, dict):
        readings = [(record.fields, record.by_names(value)) for record in records(annotation)]
        for fields, named in readings:
            for name, each in named.items():
                inner = fields.get(name, Any)
                yield from _imports(inner, each, (*path, name), sure=sure and len(readings) == 1)
        for member in members(annotation):
            if get_origin(member) is not None and len(get_args(member)) == 2:  # a mapping
                for_key, for_value = get_args(member)
                for key, each in value.items():
                    yield from _imports(for_key, key, (*path, key), sure=sure)
                    yield from _imports(for_value, each, (*path, key), sure=sure)


def _boundless(value: JSON, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of NaN, the infinities and the integers that a float field makes infinite."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _boundless(each, (*path, key))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _boundless(each, (*path, str(i)))
    elif isinstance(value, int | float) and not abs(value) <= sys.float_info.max:  # NaN is under nothing
        yield path, value
