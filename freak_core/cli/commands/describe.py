"""``freak describe``: the fields of the state and the actions, with types, bounds and descriptions."""

from collections.abc import Iterator, Mapping, Sequence

from freak_core.cli.assignments import nodes_at, parts_at
from freak_core.cli.connect import connect
from freak_core.cli.docstring import text_and_arguments
from freak_core.cli.options import DescribedArgument, JsonOption, RunOption
from freak_core.cli.terminal import compact, show, show_json, show_table, show_text
from freak_core.client.documents import ActionDescription, Schema
from freak_core.client.requests import keys_of
from freak_core.text import paths
from freak_core.text.printable import one_line
from freak_core.text.strict_json import JSON

HEADER = ("PATH", "NOW", "MAY BE", "ABOUT")
OF_ACTIONS = ("ACTION", "ARGUMENTS", "ABOUT")
OF_ARGUMENTS = ("ARGUMENT", "DEFAULT", "MAY BE", "ABOUT")

_BOUNDS = {
    "exclusiveMinimum": ">",
    "minimum": ">=",
    "exclusiveMaximum": "<",
    "maximum": "<=",
    "multipleOf": "a multiple of",
    "pattern": "matching",
    "format": "as",
}


def describe(path: DescribedArgument = "", run: RunOption = None, as_json: JsonOption = False) -> None:
    """Print the fields to set (value, type, bounds) and the actions to call; with --json the schema."""
    keys = keys_of(path)
    with connect(run, reading=True, ended=True) as client:
        schema, actions = client.schema(), client.actions()
        if path in actions and not parts_at(schema, keys):
            _describe_action(path, actions[path], as_json=as_json)
            return
        value, in_force = client.get(path), _in_force(client.run().get("in_force"))
    if as_json:
        show_json(_part(schema, keys))
        return
    rows = [(at, [at_dots, *cells]) for at, at_dots, *cells in _rows(schema, keys, value)]
    if any(in_force.get(at, row[1]) != row[1] for at, row in rows):
        header = (*HEADER[:2], "IN FORCE", *HEADER[2:])
        show_table(header, [[*row[:2], in_force.get(at, "-"), *row[2:]] for at, row in rows])
    else:
        show_table(HEADER, [row for _, row in rows])
    if actions and not path:
        show("")
        show_table(OF_ACTIONS, [_action_row(name, action) for name, action in actions.items()])


def _describe_action(name: str, action: ActionDescription, *, as_json: bool) -> None:
    if as_json:
        show_json({"name": name, **action})
        return
    text, arguments = text_and_arguments(action["description"])
    show_text(f"{one_line(name)}: {text or 'an action'}")
    rows = list(_argument_rows(action["arguments"], arguments))
    if rows:
        show("")
        show_table(OF_ARGUMENTS, rows)


def _argument_rows(schema: Schema, told: Mapping[str, str]) -> Iterator[list[str]]:
    for name, part in schema.get("properties", {}).items():
        optional = name not in schema.get("required", ())
        default = compact(part["default"]) if "default" in part else "-" if optional else "required"
        yield [name, default, _allowed(part, nodes_at(schema, (name,))), _about(part) or told.get(name, "")]


def _action_row(name: str, action: ActionDescription) -> list[str]:
    arguments = " ".join(action["arguments"].get("properties", {}))
    text, _ = text_and_arguments(action["description"])
    return [name, arguments or "-", text.partition("\n")[0]]


def _about(part: Schema) -> str:
    return " ".join(part.get("description", "").split())


def _part(schema: Schema, keys: Sequence[str]) -> dict[str, object]:
    """Return the schema at a path, with all definitions that it refers to."""
    part: dict[str, object] = dict(next(iter(parts_at(schema, keys)), Schema()))
    part.pop("$defs", None)
    used: dict[str, Schema] = {}
    todo: list[object] = [part]
    while todo:
        node = todo.pop()
        todo += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        reference = node.get("$ref") if isinstance(node, dict) else None
        name = reference.rpartition("/")[2] if isinstance(reference, str) else ""
        if name in schema.get("$defs", {}) and name not in used:
            used[name] = schema["$defs"][name]
            todo.append(used[name])
    return {**part, "$defs": used} if used else part


def _in_force(told: Mapping[str, JSON] | None) -> Mapping[str, str]:
    """Return the texts of what is in force, by their paths; a program may tell anything."""
    by_path = (told or {}).get("by_path") if isinstance(told or {}, dict) else None
    return {at: str(text) for at, text in by_path.items()} if isinstance(by_path, dict) else {}


def _rows(schema: Schema, keys: paths.Path, value: JSON) -> Iterator[list[str]]:
    """Yield rows that begin with the path as a pointer and with dots."""
    nodes = nodes_at(schema, keys)
    inside = value if isinstance(value, dict) and any("properties" in node for node in nodes) else {}
    for key, child in inside.items():
        yield from _rows(schema, (*keys, key), child)
    if not inside:
        part = next(iter(parts_at(schema, keys)), Schema())
        yield [
            paths.to_pointer(keys),
            paths.to_dots(keys),
            compact(value),
            _allowed(part, nodes),
            _about(part),
        ]


def _allowed(part: Schema, nodes: Sequence[Schema]) -> str:
    """Return a phrase for the values that the schema allows, with their unit."""
    kinds = " or ".join(dict.fromkeys(filter(None, map(_kind, nodes)))) or "anything"
    unit = f", {part['unit']}" if "unit" in part else ""
    fixed = part.get("readOnly") or any(node.get("readOnly") for node in nodes)
    return kinds + unit + (", read-only" if fixed else "")


def _kind(node: Schema) -> str:
    choices = [*node.get("enum", ()), *([node["const"]] if "const" in node else ())]
    if choices:
        return " or ".join(map(compact, choices))
    kind = node.get("type", "")
    given: dict[str, object] = dict(node)
    bounds = [f"{words} {given[name]}" for name, words in _BOUNDS.items() if name in given]
    return " ".join([kind if isinstance(kind, str) else " or ".join(kind), *bounds])
