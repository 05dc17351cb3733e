"""The page of the controls: what each can be asked for, from the JSON schemas of sections and actions."""

import functools
import inspect
from collections.abc import Iterator
from typing import Any

from freak_core import Action
from freak_lightning import ControlCallback, remote_control
from tests.docs.reference.docstrings import cell, parsed, table

INTRO = """\
What you can ask a training for: the fields of each section of its state, and the arguments of each action.
Set a field with `freak set SECTION.FIELD=VALUE`; call an action with `freak call ACTION NAME=VALUE`. `freak
describe` prints the same for a live run. The constructors of the controls are in
[freak_lightning.md](freak_lightning.md).

The fields of `optimizer` depend on the optimizers: a live run shows the fields of its own. Listed here are
the fields before the fit."""

_BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}


class ControlsPage:
    """Writes sections and actions, and collects those that no description explains."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def text(self) -> str:
        """Return the page."""
        parts = ["# Sections and actions", INTRO]
        for control in remote_control():
            schema = control.initial_state().model_json_schema()
            if schema.get("properties"):
                parts += [f"## Section `{control.section_name()}`", f"Given by `{type(control).__name__}`."]
                parts += [table(("field", "type", "default", "about"), list(self._fields(control, schema)))]
            for name, method in control.actions().items():
                parts += self._action(control, name, method)
        return "\n\n".join(parts) + "\n"

    def _fields(self, control: ControlCallback, schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        for field, node in schema["properties"].items():
            where = f"{control.section_name()}.{field}"
            yield (
                f"`{where}`",
                kinds(node, schema),
                _default(node),
                self._about(where, node.get("description")),
            )

    def _action(self, control: ControlCallback, name: str, method: Any) -> Iterator[str]:
        doc = parsed(inspect.getdoc(method))
        schema = Action(functools.partial(method, None, None), name).schema
        yield f"## Action `{name}`"
        yield f"Given by `{type(control).__name__}`. {cell(doc.text)}"
        rows = [
            (
                f"`{argument}`",
                kinds(node, schema),
                _default(node),
                self._about(f"{name}({argument})", doc.arguments.get(argument)),
            )
            for argument, node in schema.get("properties", {}).items()
        ]
        yield table(("argument", "type", "default", "about"), rows) if rows else "It takes no arguments."

    def _about(self, where: str, text: str | None) -> str:
        if not text:
            self.missing.append(f"controls: {where}")
        return cell(text or "**undocumented**")


def kinds(node: dict[str, Any], root: dict[str, Any]) -> str:
    """Return in words what a JSON schema allows."""
    if "$ref" in node:
        definition = root.get("$defs", {}).get(node["$ref"].rpartition("/")[2], {})
        fields = ", ".join(f"`{name}`" for name in definition.get("properties", {}))
        return f"object with {fields}" if fields else kinds(definition, root)
    choices = node.get("anyOf") or node.get("oneOf")
    if choices:
        return " or ".join(kinds(each, root) for each in choices)
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if isinstance(node.get("additionalProperties"), dict):
        return f"object; each value: {kinds(node['additionalProperties'], root)}"
    if "prefixItems" in node:
        return "list of " + ", ".join(kinds(each, root) for each in node["prefixItems"])
    bounds = [f"{sign} {node[name]}" for name, sign in _BOUNDS.items() if name in node]
    bounds += [f"matches `{node['pattern']}`"] if "pattern" in node else []
    bounds += [f"at most {node['maxLength']} characters"] if "maxLength" in node else []
    kind = node.get("type", "anything")
    return cell(" ".join([kind, ", ".join(bounds)]).strip())


def _default(node: dict[str, Any]) -> str:
    return f"`{node['default']}`" if "default" in node else "needed"
