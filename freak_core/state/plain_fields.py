"""Fields of plain data, whose JSON forms are kept until the program changes the data.

A state may hold much more than a request is about, such as a history of a million numbers. What such a field
is in JSON is found out once, not with every request.
"""

import functools
from collections.abc import Callable
from typing import Literal, TypeAlias, cast

from pydantic import BaseModel

from freak_core.state.core_schema import Schema, schema_of
from freak_core.state.snapshot import Snapshot
from freak_core.text.strict_json import JSON

FieldForms: TypeAlias = "dict[str, Forms | FieldForms]"
"""By name, the forms of a field, or the fields of a model in it."""

Unchanged: TypeAlias = "dict[str, Literal[True] | Unchanged]"
"""The names of fields, as pydantic's ``exclude`` takes them, or the names inside a model."""


class Forms:
    """What one field is in JSON.

    Args:
        contents: what the list, tuple or dict in the field held.

    Attributes:
        dumped: the output of its serializer.
    """

    __slots__ = ("_found", "contents", "dumped")

    def __init__(self, contents: object) -> None:
        self.contents: object = contents
        self.dumped: JSON = None
        self._found: dict[str, JSON] = {}

    def form(self, name: str, make: Callable[[], JSON]) -> JSON:
        """Return what ``make`` returned when the form with this name was first asked for."""
        if name not in self._found:
            self._found[name] = make()
        return self._found[name]


class PlainFields:
    """The fields of a state that hold nothing but plain data, also those of models inside it.

    Args:
        model: the state.
        held: what it holds.
        earlier: the same of an earlier state; forms of fields that have not changed are taken from it.

    Attributes:
        fields: their forms.
    """

    def __init__(self, model: BaseModel, held: Snapshot, earlier: "PlainFields | None") -> None:
        self._held = held
        self._before: Snapshot | None = earlier._held if earlier is not None else None
        self._seen: set[int] = set()
        self._unchanged: Unchanged = {}
        self.fields: FieldForms = self._of(
            model, earlier.fields if earlier is not None else {}, self._unchanged
        )
        self._before = None  # else every state would be remembered

    def _of(self, model: BaseModel, earlier: FieldForms, unchanged: Unchanged) -> FieldForms:
        if id(model) in self._seen:
            return {}
        self._seen.add(id(model))
        found: FieldForms = {}
        for name, kind in _candidates(type(model)).items():
            value, before = model.__dict__.get(name), earlier.get(name)
            if kind is not None:
                if type(value) is kind:
                    inner: Unchanged = {}
                    found[name] = self._of(value, before if isinstance(before, dict) else {}, inner)
                    unchanged.update({name: inner} if inner else {})
            elif type(value) in (list, tuple, dict) and self._held.is_data(value):
                if isinstance(before, Forms) and self._is_as_before(value, before):
                    found[name] = before
                    unchanged[name] = True
                else:
                    found[name] = Forms(self._held.contents_of(value))
        return found

    def _is_as_before(self, value: object, before: Forms) -> bool:
        known = self._before is not None and before.contents is self._held.contents_of(value)
        return known and self._held.as_in(cast(Snapshot, self._before), value)

    def forget(self) -> None:
        """Let every field be serialized again."""
        self.fields, self._unchanged = {}, {}

    @property
    def unchanged(self) -> "Unchanged | None":
        """The names of the fields that need not be serialized."""
        return self._unchanged or None

    def complete(self, dumped: JSON, before: JSON) -> JSON:
        """Return what was dumped, with the fields that were left out.

        Args:
            dumped: the state without the fields that are ``unchanged``.
            before: the earlier state, whose order of fields is kept.
        """
        return _complete(dumped, before, self.fields, self._unchanged)


def _complete(dumped: JSON, before: JSON, fields: FieldForms, unchanged: Unchanged) -> JSON:
    if not isinstance(dumped, dict):  # a serializer failed
        fields.clear()
        return dumped
    for name, each in list(fields.items()):
        if isinstance(each, dict):
            if name in dumped:
                inner = before.get(name) if isinstance(before, dict) else None
                within = unchanged.get(name)
                dumped[name] = _complete(
                    dumped[name], inner, each, within if isinstance(within, dict) else {}
                )
        elif name in unchanged:
            dumped[name] = each.dumped
        elif name in dumped and isinstance(dumped[name], dict | list):
            each.dumped = dumped[name]
        else:  # readers do not see it, or its serializer failed
            del fields[name]
    if unchanged and isinstance(before, dict):
        return {name: dumped[name] for name in before if name in dumped} | dumped
    return dumped


@functools.lru_cache(maxsize=256)
def _candidates(kind: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Return the fields whose form depends on nothing but their value; with the class of a model."""
    schema, definitions = schema_of(kind)
    model = _inside(schema, definitions)
    fields = _inside(model["schema"], definitions) if model is not None and model["type"] == "model" else None
    if model is None or fields is None or fields["type"] != "model-fields" or "serialization" in fields:
        return {}
    found: dict[str, type[BaseModel] | None] = {}
    for name, each in fields["fields"].items():
        inner = _inside(each["schema"], definitions)
        if inner is None or each.get("serialization_exclude"):
            continue
        if inner["type"] == "model":
            found[name] = inner["cls"]
        elif _is_plain(each["schema"], definitions, set()):
            found[name] = None
    return found


def _inside(schema: Schema, definitions: dict[str, Schema]) -> Schema | None:
    """Return what is inside validators and defaults; None if a serializer of the program is around it."""
    while "serialization" not in schema:
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        elif schema["type"] in _AROUND:
            schema = schema["schema"]
        else:
            return schema
    return schema if _is_pydantics(schema["serialization"]) else None


_AROUND = ("definitions", "default", "nullable", "function-before", "function-after", "function-wrap")


def _is_plain(schema: object, definitions: dict[str, Schema], seen: set[str]) -> bool:
    """Whether no serializer of the program is anywhere in a schema."""
    if isinstance(schema, list | tuple):
        return all(_is_plain(each, definitions, seen) for each in schema)
    if not isinstance(schema, dict):
        return True
    if "serialization" in schema and not _is_pydantics(schema["serialization"]):
        return False
    if schema.get("type") == "definition-ref" and schema["schema_ref"] not in seen:
        seen.add(schema["schema_ref"])
        return _is_plain(definitions[schema["schema_ref"]], definitions, seen)
    inside = [value for key, value in schema.items() if key not in ("metadata", "default", "serialization")]
    return all(_is_plain(each, definitions, seen) for each in inside)


def _is_pydantics(serialization: Schema) -> bool:
    function = serialization.get("function")
    return function is None or str(getattr(function, "__module__", "")).startswith("pydantic.")
