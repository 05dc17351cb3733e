"""Assignments such as ``lr.hold=3e-4``: the JSON schema decides what the text of a value means."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NoReturn

import typer

from freak_core.client.documents import Schema
from freak_core.client.requests import keys_of
from freak_core.text.strict_json import JSON

_PYTHON: dict[str, JSON] = {"True": True, "False": False, "None": None}


def assigned(words: Sequence[str], schema: Schema) -> dict[str, JSON]:
    """Return the values of words like ``lr.hold=3e-4``, by path.

    A value that is JSON and fits the schema is JSON. Any other text is a string.

    Raises:
        typer.BadParameter: a word is not an assignment, or two words have the same path.
    """
    values: dict[str, JSON] = {}
    for word in words:
        path, equals, text = _split(word)
        if not path or not equals:
            raise typer.BadParameter(f"{word!r} is not an assignment; write PATH=VALUE, such as lr.hold=3e-4")
        if path in values:
            raise typer.BadParameter(f"you gave two values for {path!r}; give one")
        values[path] = meant(text, kinds_at(schema, keys_of(path)))
    return values


def meant(text: str, kinds: frozenset[str] | None) -> JSON:
    """Return the value that ``text`` means where JSON of these ``kinds`` is allowed; ``None``: any JSON."""
    try:
        value: JSON = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except ValueError:
        if kinds is not None and "string" not in kinds and text in _PYTHON:
            return _PYTHON[text]
        return text
    if kinds is None or _kind(value) in kinds:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "number" in kinds:
            return value
        if "integer" in kinds and float(value).is_integer():
            return int(value)
    return text if "string" in kinds else value


def kinds_at(schema: Schema, keys: Sequence[str]) -> frozenset[str] | None:
    """Return the JSON types that the schema allows at a path; ``None`` if it allows any."""
    found: set[str] = set()
    for node in nodes_at(schema, keys):
        if "enum" in node:
            found |= {_kind(value) for value in node["enum"]}
        elif "const" in node:
            found.add(_kind(node["const"]))
        elif "type" in node:
            found |= {node["type"]} if isinstance(node["type"], str) else set(node["type"])
        else:
            return None
    return frozenset(found) or None


def nodes_at(schema: Schema, keys: Sequence[str]) -> list[Schema]:
    """Return the schemas that a path leads to; references are followed and choices taken apart."""
    return [plain for part in parts_at(schema, keys) for plain in _plain(part, schema, 0)]


def parts_at(schema: Schema, keys: Sequence[str]) -> list[Schema]:
    """Return the schemas that a path leads to, as they are written."""
    parts = [schema]
    for key in keys:
        parts = [
            child for part in parts for node in _plain(part, schema, 0) for child in _children(node, key)
        ]
    return parts


def _plain(node: Schema, root: Schema, depth: int) -> Iterator[Schema]:
    if depth > 20:  # a schema may refer to itself
        return
    choices = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    if "$ref" in node:
        choices.append(root.get("$defs", {}).get(node["$ref"].rpartition("/")[2], {}))
    if not choices:
        yield node
    for choice in choices:
        yield from _plain(choice, root, depth + 1)


def _children(node: Schema, key: str) -> Iterator[Schema]:
    if key in node.get("properties", {}):
        yield node["properties"][key]
    elif more := node.get("additionalProperties"):
        yield {} if isinstance(more, bool) else more
    if key.isdecimal() and node.get("type") == "array":
        first, items = node.get("prefixItems", []), node.get("items", True)
        if int(key) < len(first):
            yield first[int(key)]
        else:
            yield {} if isinstance(items, bool) else items


def _split(word: str) -> tuple[str, str, str]:
    """Split at the first ``=`` that no backslash precedes."""
    found = re.match(r"((?:[^\\=]|\\.)*)(=?)(.*)", word, re.DOTALL)
    return (found[1], found[2], found[3]) if found else (word, "", "")


def _kind(value: JSON) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _not_json(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number
