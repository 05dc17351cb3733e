"""``freak describe``: what can be set, and to what."""

from collections.abc import Iterator, Sequence
from typing import Any

from freak_core import paths
from freak_core.cli.exit_codes import exits
from freak_core.cli.options import JsonOption, PathArgument, RunOption
from freak_core.cli.terminal import compact, show_json, show_table
from freak_core.cli.values import nodes_at, parts_at
from freak_core.cli.which_run import connect
from freak_core.client_request import keys_of

HEADER = ("PATH", "NOW", "MAY BE", "ABOUT")

_BOUNDS = {
    "exclusiveMinimum": ">",
    "minimum": ">=",
    "exclusiveMaximum": "<",
    "maximum": "<=",
    "multipleOf": "a multiple of",
    "pattern": "matching",
    "format": "as",
}


@exits
def describe(path: PathArgument = "", run: RunOption = None, as_json: JsonOption = False) -> None:
    """Tell what can be set: its value now, what it may be, and what it is; with --json its JSON schema."""
    with connect(run, reading=True) as client:
        value, schema = client.get(path), client.schema()
    keys = keys_of(path)
    if as_json:
        show_json(_part(schema, keys))
    else:
        show_table(HEADER, list(_rows(schema, keys, value)))


def _part(schema: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the schema at a path, with the definitions that it may refer to."""
    part: dict[str, Any] = next(iter(parts_at(schema, keys)), {})
    return {**part, "$defs": schema["$defs"]} if "$defs" in schema else part


def _rows(schema: dict[str, Any], keys: paths.Path, value: Any) -> Iterator[list[str]]:
    nodes = nodes_at(schema, keys)
    inside = value if isinstance(value, dict) and any("properties" in node for node in nodes) else {}
    for key, child in inside.items():
        yield from _rows(schema, (*keys, key), child)
    if not inside:
        part: dict[str, Any] = next(iter(parts_at(schema, keys)), {})
        about = " ".join(str(part.get("description", "")).split())
        yield [paths.to_dots(keys), compact(value), _allowed(part, nodes), about]


def _allowed(part: dict[str, Any], nodes: Sequence[dict[str, Any]]) -> str:
    """Return in words what may be there, with its unit."""
    kinds = " or ".join(dict.fromkeys(filter(None, map(_kind, nodes)))) or "anything"
    unit = f", {part['unit']}" if "unit" in part else ""
    fixed = part.get("readOnly") or any(node.get("readOnly") for node in nodes)
    return kinds + unit + (", read-only" if fixed else "")


def _kind(node: dict[str, Any]) -> str:
    choices = [*node.get("enum", ()), *([node["const"]] if "const" in node else ())]
    if choices:
        return " or ".join(map(compact, choices))
    kind = node.get("type", "")
    bounds = [f"{words} {node[name]}" for name, words in _BOUNDS.items() if name in node]
    return " ".join([kind if isinstance(kind, str) else " or ".join(kind), *bounds])
