"""Values: what ``K=V`` means, by the JSON schema of what K is."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from freak_core.client.requests import keys_of

_PYTHON = {"True": True, "False": False, "None": None}


def assigned(words: Sequence[str], schema: dict[str, Any]) -> dict[str, Any]:
    """Return values by path, of words like ``lr.hold=3e-4``.

    A value is JSON if it parses, else a string; but a string where the schema allows nothing else.

    Raises:
        typer.BadParameter: a word is none, or a path comes twice.
    """
    values: dict[str, Any] = {}
    for word in words:
        path, equals, text = _split(word)
        if not path or not equals:
            raise typer.BadParameter(f"{word!r} is no assignment; write PATH=VALUE, such as lr.hold=3e-4")
        if path in values:
            raise typer.BadParameter(f"{path!r} comes twice")
        values[path] = meant(text, kinds_at(schema, keys_of(path)))
    return values


def meant(text: str, kinds: frozenset[str] | None) -> Any:
    """Return the value that ``text`` means where JSON of these ``kinds`` is allowed; None: of any kind."""
    try:
        value = json.loads(text, parse_constant=_not_json, parse_float=_finite)
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


def kinds_at(schema: dict[str, Any], keys: Sequence[str]) -> frozenset[str] | None:
    """Return the JSON types that the schema allows at a path; None where it does not say."""
    found: set[str] = set()
    for node in nodes_at(schema, keys):
        if "enum" in node or "const" in node:
            found |= {_kind(value) for value in node.get("enum", [node.get("const")])}
        elif "type" in node:
            found |= {node["type"]} if isinstance(node["type"], str) else set(node["type"])
        else:
            return None
    return frozenset(found) or None


def nodes_at(schema: dict[str, Any], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the schemas, with no reference or choice left in them, of what may be at a path."""
    return [plain for part in parts_at(schema, keys) for plain in _plain(part, schema, 0)]


def parts_at(schema: dict[str, Any], keys: Sequence[str]) -> list[Any]:
    """Return the schemas of what may be at a path, as they stand there."""
    parts: list[Any] = [schema]
    for key in keys:
        parts = [
            child for part in parts for node in _plain(part, schema, 0) for child in _children(node, key)
        ]
    return parts


def in_list(schema: dict[str, Any], keys: Sequence[str]) -> bool:
    """Whether a path leads through the number of an item in a list."""
    return any(
        key.isdecimal() and any(node.get("type") == "array" for node in nodes_at(schema, keys[:depth]))
        for depth, key in enumerate(keys)
    )


def _plain(node: Any, root: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    if not isinstance(node, dict) or depth > 20:
        return
    choices = [choice for name in ("anyOf", "oneOf", "allOf") for choice in node.get(name, ())]
    if "$ref" in node:
        choices.append(root.get("$defs", {}).get(node["$ref"].rpartition("/")[2], {}))
    if not choices:
        yield node
    for choice in choices:
        yield from _plain(choice, root, depth + 1)


def _children(node: dict[str, Any], key: str) -> Iterator[Any]:
    if key in node.get("properties", {}):
        yield node["properties"][key]
    elif node.get("additionalProperties"):
        more = node["additionalProperties"]
        yield more if isinstance(more, dict) else {}
    if key.isdecimal() and node.get("type") == "array":
        first = node.get("prefixItems", [])
        yield first[int(key)] if int(key) < len(first) else node.get("items", {})


def _split(word: str) -> tuple[str, str, str]:
    """Split at the first ``=`` that no backslash precedes."""
    found = re.match(r"((?:[^\\=]|\\.)*)(=?)(.*)", word, re.DOTALL)
    return (found[1], found[2], found[3]) if found else (word, "", "")


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _not_json(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number
