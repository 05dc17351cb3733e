"""Validators that hand on the live objects kept in a document, and never look at them.

JSON has no place for an object, so a text stands for it while the document is validated: a mark of this
process and the object's number. The validators are the program's own, made to take such a text for any value.
"""

import functools
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic_core import (
    CoreSchema,
    PydanticCustomError,
    PydanticOmit,
    PydanticUseDefault,
    SchemaValidator,
    core_schema,
)

from freak_core.state.core_schema import Schema
from freak_core.state.json_values import PLAIN, Kept
from freak_core.text.strict_json import JSON

_MARK: Final = f"\0{secrets.token_hex(8)} "
_KEPT, _VALUE = "\0kept", "\0value"
_live: ContextVar[list[object]] = ContextVar("live", default=[])  # noqa: B039  it is never changed


@contextmanager
def handed_on(document: JSON) -> Iterator[str]:
    """Give ``document`` as JSON text. Inside the block, a ``validator`` knows the objects kept in it."""
    objects: list[object] = []

    def mark(kept: Kept) -> str:
        objects.append(kept.live)
        return f"{_MARK}{len(objects) - 1}"

    text = json.dumps(document, default=mark)
    token = _live.set(objects)
    try:
        yield text
    finally:
        _live.reset(token)


@functools.lru_cache(maxsize=256)
def validator(kind: type[BaseModel], *, bare: bool = False) -> SchemaValidator:
    """Return the validator of a class, made to take kept objects.

    Args:
        kind: the class.
        bare: leave out the validators of whole models.
    """
    if not kind.__pydantic_complete__:
        kind.model_rebuild()
    return SchemaValidator(_taking_kept(kind.__pydantic_core_schema__, bare=bare), _use_prebuilt=False)


def about_value(location: tuple[int | str, ...]) -> tuple[int | str, ...] | None:
    """Return the place of an error without what ``validator`` adds; None if it is about the mark only."""
    return None if _KEPT in location else tuple(part for part in location if part != _VALUE)


def _taking_kept(schema: Schema, *, bare: bool, extra: bool = False) -> Schema:
    """Return ``schema`` with a place for a kept object at each value inside it.

    Args:
        schema: of the program's class, as pydantic made it.
        bare: leave out the validators of whole models.
        extra: whether the model around it allows extra fields.
    """
    inner = functools.partial(_taking_kept, bare=bare)
    kind = schema["type"]
    if kind == "any":
        return _ANY
    if bare and kind.startswith("function-") and _is_of_model(schema):
        return {**inner(schema["schema"], extra=extra), **({"ref": schema["ref"]} if "ref" in schema else {})}
    made = {key: value for key, value in schema.items() if key != "serialization"}
    config = schema.get("config") or {}
    extra = extra or "allow" in (config.get("extra_fields_behavior"), schema.get("extra_behavior"))
    row = kind == "model" and schema["cls"].model_config.get("table", False)
    if kind == "model" and schema.get("custom_init") and not row:
        return core_schema.no_info_before_validator_function(_resolved, made)
    for key in ("schema", "json_schema", "python_schema", "lax_schema", "strict_schema", "arguments_schema"):
        if isinstance(schema.get(key), dict):
            made[key] = inner(schema[key], extra=extra)
    for key in ("definitions", "steps"):
        if key in schema:
            made[key] = [inner(each) for each in schema[key]]
    if "choices" in schema:
        made["choices"] = _choices(schema["choices"], inner)
    _open_containers(made, inner, extra=extra)
    if kind.startswith("function-"):
        made["function"] = {**schema["function"], "function": _seeing_objects(schema)}
    if callable(schema.get("discriminator")):
        choose = schema["discriminator"]
        made["discriminator"] = lambda value: choose(_resolved(value))
    if row:  # its own __init__ validates nothing
        return core_schema.no_info_after_validator_function(_as_row, cast(Any, made | {"custom_init": False}))
    return made


def _as_row(validated: BaseModel) -> BaseModel:
    """Return a validated row of a database table as its class makes it: known to the database layer."""
    given = {name: validated.__dict__[name] for name in validated.model_fields_set}
    return type(validated)(**given)


def _is_of_model(schema: Schema) -> bool:
    while schema["type"].startswith("function-") and "schema" in schema:
        schema = schema["schema"]
    return schema["type"] in ("model", "model-fields")


def _choices(choices: Any, inner: Callable[[Schema], Schema]) -> object:
    if isinstance(choices, dict):
        return {tag: inner(each) if isinstance(each, dict) else each for tag, each in choices.items()}
    return [(inner(each[0]), each[1]) if isinstance(each, tuple) else inner(each) for each in choices]


def _open_containers(made: dict[str, Any], inner: Callable[..., Schema], *, extra: bool) -> None:
    kind = made["type"]

    def field(declared: Schema) -> Schema:
        return {**declared, "schema": _kept_or(inner(declared["schema"]))}

    if kind in ("model-fields", "typed-dict"):
        made["fields"] = {name: field(each) for name, each in made["fields"].items()}
    elif kind in ("dataclass-args", "named-tuple"):
        made["fields"] = [field(each) for each in made["fields"]]
    elif kind == "arguments":
        made["arguments_schema"] = [field(each) for each in made["arguments_schema"]]
    if isinstance(made.get("items_schema"), list):
        made["items_schema"] = [_kept_or(inner(each)) for each in made["items_schema"]]
    elif "items_schema" in made or kind in ("list", "set", "frozenset", "generator", "deque"):
        made["items_schema"] = _kept_or(inner(made.get("items_schema") or core_schema.any_schema()))
    if "values_schema" in made or kind in ("dict", "ordered-dict", "default-dict"):
        made["values_schema"] = _kept_or(inner(made.get("values_schema") or core_schema.any_schema()))
    if kind in ("model-fields", "typed-dict") and extra:
        made["extras_schema"] = _kept_or(inner(made.get("extras_schema") or core_schema.any_schema()))


def _kept_or(schema: Schema) -> Schema:
    """Return a schema that takes a kept object or what ``schema`` takes; a default stays outside."""
    if schema["type"] == "default":
        return {**schema, "schema": _kept_or(schema["schema"])}
    return core_schema.union_schema([(_TAKES_MARK, _KEPT), (schema, _VALUE)], mode="left_to_right")


def _seeing_objects(schema: Schema) -> Callable[..., object]:
    """Return a validator of the program that is given the kept objects themselves, not their marks."""
    function = _failing_as_error(schema["function"]["function"])
    if schema["type"] == "function-after":
        return function
    if schema["type"] == "function-before":
        return lambda value, *info: _marked(function(_resolved(value), *info), value)
    if schema["type"] == "function-plain":
        return lambda value, *info: function(_resolved(value), *info)

    def around(value: object, handler: Callable[..., object], *info: object) -> object:
        return function(_resolved(value), lambda given, *at: handler(_marked(given, value), *at), *info)

    return around


def _failing_as_error(function: Callable[..., object]) -> Callable[..., object]:
    """Let any exception of a validator be an error at its field, so that other fields stay writable."""

    def call(*arguments: object) -> object:
        try:
            return function(*arguments)
        except (ValueError, AssertionError, PydanticOmit, PydanticUseDefault):
            raise
        except Exception as error:
            name = type(error).__name__
            message = "a validator of the program failed with {name}"
            raise PydanticCustomError("validator_error", message, {"name": name}) from error

    return call


def _resolved(value: object) -> object:
    """Return a copy of ``value`` with kept objects in the place of their marks."""
    if not _live.get():
        return value
    if type(value) is str and value.startswith(_MARK):
        return _live.get()[int(value.removeprefix(_MARK))]
    if type(value) is dict:
        return {key: _resolved(each) for key, each in value.items()}
    return [_resolved(each) for each in value] if type(value) is list else value


def _marked(value: object, before: object) -> object:
    """Return a copy of ``value`` with marks in the place of kept objects; ``before`` had the marks."""
    if not _live.get():
        return value
    if type(value) is dict:
        old = before if isinstance(before, dict) else {}
        return {key: _marked(each, old.get(key)) for key, each in value.items()}
    if type(value) is list:
        items = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
        return [_marked(each, other) for each, other in zip(value, items, strict=True)]
    if _resolved(before) is value:
        return before
    if type(value) not in PLAIN:  # a validator may have moved it to another name
        for number, live in enumerate(_live.get()):
            if live is value:
                return f"{_MARK}{number}"
    return value


_TAKES_MARK: Final = cast(
    CoreSchema,
    core_schema.no_info_after_validator_function(
        _resolved, core_schema.str_schema(pattern=f"^{_MARK}[0-9]+$", strict=True)
    ),
)
_ANY: Final = core_schema.no_info_after_validator_function(_resolved, core_schema.any_schema())
