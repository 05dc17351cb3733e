"""The validator of a model's class, made to take live values: see ``live_values``."""

import functools
import json
from collections.abc import Callable
from typing import Any, Final, cast

from pydantic import BaseModel, RootModel, TypeAdapter
from pydantic_core import SchemaValidator

from freak_core.state import dataclass_fields
from freak_core.state.core_schema import Schema, parts_of, schema_of
from freak_core.state.fields import names_collide
from freak_core.state.live_values import MARK, Marked, Text, current

_KEPT, _VALUE, _KNOWN, _OTHER, _NEW, _TEXT, _DICT, _LIST, _ANYTHING = (
    f"\0{each}" for each in ("kept", "value", "known", "other", "new", "text", "dict", "list", "anything")
)
_FUNCTIONS: Final = ("function-before", "function-wrap", "function-after")
_INNER: Final = ("schema", "lax_schema", "strict_schema", "json_schema", "python_schema")


def validated(kind: type[BaseModel], document: Marked, *, strict: bool = True) -> BaseModel:
    """Return the next state of a live model of class ``kind`` from a marked document.

    Raises:
        ValidationError: it is not valid.
    """
    # pydantic prefers aliases. The document has field names, but a before-validator may return aliases.
    validate = functools.partial(live_validator(kind).validate_json, by_alias=not names_collide(kind))
    if issubclass(kind, RootModel):
        with current().root(document[MARK]):
            return cast(BaseModel, validate(json.dumps(document["root"]), strict=strict, by_name=True))
    return cast(BaseModel, validate(json.dumps(document), strict=strict, by_name=True))


@functools.lru_cache(maxsize=256)
def live_validator(kind: type[BaseModel]) -> SchemaValidator:
    """Return a validator for marked documents of ``kind``.

    Raises:
        TypeError: the class has a schema of its own making.
    """
    schemas = _Schemas(kind.__pydantic_core_schema__)
    functions, model = _chain(schemas.top, schemas.definitions)
    if model is None:
        raise TypeError(f"{kind.__name__} has a schema of its own")
    inner, fields = _chain(model["schema"], schemas.definitions, "model-fields")
    if model.get("root_model"):
        inner, schema = [], schemas.place(model["schema"])
    elif fields is not None:
        schema = schemas.fields(fields, model.get("config", {}))
    else:
        raise TypeError(f"{kind.__name__} has a schema of its own")
    for function in reversed(inner):
        schema = _outside(function, schema)
    schema = {
        "type": "function-after",
        "function": _no_info(functools.partial(_built, kind)),
        "schema": schema,
    }
    for function in reversed(functions):
        schema = _outside(function, schema)
    together: Any = {"type": "definitions", "schema": schema, "definitions": schemas.all_definitions()}
    config: Any = {**model.get("config", {}), "frozen": False}
    return SchemaValidator(together, config, _use_prebuilt=False)


@functools.lru_cache(maxsize=256)
def dataclass_validator(kind: type) -> SchemaValidator:
    """Return a validator for documents of a dataclass, with tokens and marks inside."""
    schemas = _Schemas(TypeAdapter(kind).core_schema)
    together: Any = {
        "type": "definitions",
        "schema": schemas.opened(),
        "definitions": schemas.all_definitions(),
    }
    return SchemaValidator(together, _use_prebuilt=False)


def _chain(
    schema: Schema, definitions: dict[str, Schema], end: str = "model"
) -> tuple[list[Schema], Schema | None]:
    """Return the validator functions around a model or its fields, outermost first, and what is inside."""
    functions = []
    while schema["type"] in (*_FUNCTIONS, "definition-ref"):
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        else:
            functions.append(schema)
            schema = schema["schema"]
    return functions, schema if schema["type"] == end else None


def _outside(function: Schema, schema: Schema) -> Schema:
    """Return ``schema`` with the function of another schema around it."""
    outer = {key: value for key, value in function.items() if key not in ("ref", "serialization", "metadata")}
    if function["type"] == "function-after":
        return {**outer, "schema": schema}
    return _around({**outer, "schema": _back_into(schema)})


class _Schemas:
    """Schemas in which every place of a value takes a token, and every model a mark."""

    def __init__(self, schema: Schema) -> None:
        self.top, self.definitions = parts_of(schema)
        self._live: dict[str, Schema] = {}

    def opened(self) -> Schema:
        """Return the whole schema, which takes tokens and marks inside its value."""
        return self._opened(self.top)

    def all_definitions(self) -> list[Schema]:
        return [*self.definitions.values(), *self._live.values()]

    def fields(self, schema: Schema, config: Schema) -> Schema:
        """Return the fields of a model, with one more for the mark."""
        mark = {"type": "default", "schema": {"type": "str"}, "default": None}
        fields = {**self._each(schema["fields"]), MARK: {"type": "model-field", "schema": mark}}
        changed = {**schema, "fields": fields, "computed_fields": []}
        extra = schema.get("extra_behavior") or config.get("extra_fields_behavior")
        extras = schema.get("extras_schema", {"type": "any"})
        return changed | ({"extras_schema": self.place(extras)} if extra == "allow" else {})

    def place(self, schema: Schema) -> Schema:
        """Return the schema of a place that takes a token instead of a value."""
        if schema["type"] == "default":
            return {**schema, "schema": self.place(schema["schema"])}
        if schema["type"] == "any":
            return self._anything()
        kept = {"type": "function-plain", "function": _no_info(_live)}
        return _tagged({_KEPT: kept, _VALUE: self.changed(schema)}, _kept_or_value)

    def _anything(self) -> Schema:
        """Return the schema of a value of any type. Tokens and marks may lie deep inside it."""
        inside = {"type": "definition-ref", "schema_ref": _ANYTHING}
        choices: dict[str, Schema] = {
            _KEPT: {"type": "function-plain", "function": _no_info(_live)},
            _KNOWN: {"type": "function-plain", "function": _no_info(_next)},
            _DICT: {"type": "dict", "values_schema": inside},
            _LIST: {"type": "list", "items_schema": inside},
            _VALUE: {"type": "any"},
        }
        self._live[_ANYTHING] = {**_tagged(choices, _kind_of), "ref": _ANYTHING}
        return inside

    def changed(self, schema: Schema) -> Schema:
        """Return a schema that also takes tokens and marks inside its value."""
        if schema["type"] == "any":
            return self._anything()
        functions, model = _chain(schema, self.definitions)
        if model is not None and len(functions) == _depth(model["cls"]):
            known = {"type": "function-plain", "function": _no_info(_next)}
            new, cls = self._opened(schema), model["cls"]
            text = {"type": "json", "schema": new}
            other = {"type": "function-before", "function": _no_info(_without_mark), "schema": text}
            choices = {_KNOWN: known, _OTHER: other, _NEW: new}
            return _tagged(choices, lambda value: _which(cls, value))
        functions, plain = _chain(schema, self.definitions, "dataclass")
        return self._opened(schema) if plain is None or functions else self._dataclass(schema, plain["cls"])

    def _dataclass(self, schema: Schema, cls: type) -> Schema:
        """Return a schema that also takes the marked document of a live dataclass."""
        new = self._opened(schema)
        text = {"type": "json", "schema": new}
        choices = {
            _KNOWN: {
                "type": "function-wrap",
                "function": _no_info(functools.partial(_next_dataclass, cls)),
                "schema": text,
            },
            _OTHER: {"type": "function-before", "function": _no_info(_without_mark), "schema": text},
            _NEW: new,
        }
        return _tagged(choices, lambda value: _which(cls, value))

    def _opened(self, schema: Schema) -> Schema:  # noqa: PLR0912  one branch per kind of schema
        kind = schema["type"]
        if kind == "definition-ref":
            return self._by_name(schema)
        schema = {
            key: value for key, value in schema.items() if key not in ("ref", "serialization", "metadata")
        }
        if kind in ("function-before", "function-wrap"):
            return _around({**schema, "schema": _back_into(self.changed(schema["schema"]))})
        if kind == "function-plain":
            return _around(schema)
        if kind in ("json", "arguments"):
            return schema
        if kind == "model" and schema.get("custom_init"):
            return {"type": "function-before", "function": _no_info(_clean), "schema": schema}
        for key in _INNER:
            if key in schema:
                schema[key] = self.changed(schema[key])
        if kind == "generator":  # pydantic would make an iterator of it, which is used up by the first reader
            schema["type"] = "list"
        if kind in ("list", "generator", "deque"):
            schema.setdefault("items_schema", {"type": "any"})
        elif kind in ("dict", "ordered-dict", "default-dict"):
            schema.setdefault("values_schema", {"type": "any"})
        items = schema.get("items_schema")
        if isinstance(items, dict) and kind not in ("set", "frozenset"):
            schema["items_schema"] = self.place(items)
        elif kind == "tuple":
            schema["items_schema"] = [self.place(each) for each in schema["items_schema"]]
        elif schema.get("values_schema"):
            schema["values_schema"] = self.place(schema["values_schema"])
        elif kind == "union":
            schema["choices"] = [
                (self.changed(each[0]), each[1]) if isinstance(each, tuple) else self.changed(each)
                for each in schema["choices"]
            ]
        elif kind == "tagged-union":
            schema["choices"] = {tag: self.changed(each) for tag, each in schema["choices"].items()}
            if callable(tell := schema["discriminator"]):
                schema["discriminator"] = lambda value: tell(current().clean(value))
        elif kind == "chain":
            schema["steps"] = [self.changed(each) for each in schema["steps"]]
        elif kind in ("typed-dict", "model-fields"):
            schema["fields"] = self._each(schema["fields"])
            if "allow" in (
                schema.get("extra_behavior"),
                schema.get("config", {}).get("extra_fields_behavior"),
            ):
                schema["extras_schema"] = self.place(schema.get("extras_schema", {"type": "any"}))
        elif kind in ("dataclass-args", "named-tuple"):
            schema["fields"] = [{**each, "schema": self.place(each["schema"])} for each in schema["fields"]]
        return schema

    def _each(self, fields: Schema) -> Schema:
        return {name: {**each, "schema": self.place(each["schema"])} for name, each in fields.items()}

    def _by_name(self, schema: Schema) -> Schema:
        name = schema["schema_ref"]
        ref = f"live {name}"
        if ref not in self._live:
            self._live[ref] = {}
            self._live[ref] = {**self._opened(self.definitions[name]), "ref": ref}
        return {**schema, "schema_ref": ref}


@functools.lru_cache(maxsize=1024)
def _depth(kind: type[BaseModel]) -> int:
    """Return how many validator functions a class has around its model."""
    if kind is BaseModel:  # any model; it has no schema of its own
        return 0
    return len(_chain(*schema_of(kind))[0])


def _back_into(schema: Schema) -> Schema:
    """Return a schema for what a validator of the program returned: strict JSON again where it can be."""
    either = _tagged({_TEXT: {"type": "json", "schema": schema}, _VALUE: schema}, _text_or_value)
    return {"type": "function-before", "function": _no_info(_back), "schema": either}


def _around(schema: Schema) -> Schema:
    return {"type": "function-wrap", "function": _no_info(_shown), "schema": schema}


def _tagged(choices: dict[str, Schema], which: object) -> Schema:
    return {"type": "tagged-union", "discriminator": which, "choices": choices}


def _no_info(function: object) -> Schema:
    return {"type": "no-info", "function": function}


def _live(token: str) -> object:
    return current().value(token)


def _kept_or_value(value: object) -> str:
    return _KEPT if current().is_token(value) else _VALUE


def _is_marked(value: object) -> bool:
    return isinstance(value, dict) and current().is_token(value.get(MARK))


def _kind_of(value: object) -> str:
    if type(value) is dict:
        return _KNOWN if _is_marked(value) else _DICT
    return _LIST if type(value) is list else _kept_or_value(value)


def _text_or_value(value: object) -> str:
    return _TEXT if type(value) is Text else _VALUE


def _which(kind: type[BaseModel], value: object) -> str:
    if not isinstance(value, dict) or not _is_marked(value):
        return _NEW
    return _KNOWN if isinstance(current().value(value[MARK]), kind) else _OTHER


def _without_mark(document: Marked) -> str:
    """Return the document as JSON for another member of a union, where its values have a JSON form."""
    return json.dumps(current().clean(document), default=_without_json_form)


def _without_json_form(value: object) -> str:
    name = type(value).__name__
    raise ValueError(f"it holds an object without a JSON form, of the type {name}, which would be lost")


def _next(document: Marked) -> object:
    """Validate the next state of a live model by its own class, also a subclass of the declared one."""
    values, token = current(), document[MARK]
    kind = type(values.value(token))
    if not issubclass(kind, BaseModel):
        return _next_of_any_class(kind, document, strict=values.strict)
    return values.once(token, lambda: validated(kind, document, strict=values.strict))


def _next_dataclass(cls: type, document: Marked, handler: Callable[[str], object]) -> object:
    """Validate the next state of a live dataclass, also of a subclass of the declared one."""
    kind = type(current().value(document[MARK]))
    if kind is not cls:
        return _next_of_any_class(kind, document, strict=current().strict)
    return _completed(document, handler)


def _next_of_any_class(kind: type, document: Marked, *, strict: bool) -> object:
    """Validate the next state of a dataclass by its own class, where the declared type says less."""
    validate = functools.partial(dataclass_validator(kind).validate_json, by_alias=True, by_name=True)
    return _completed(document, lambda text: validate(text, strict=strict))


def _completed(document: Marked, validate: Callable[[str], object]) -> object:
    """Validate a document and give the result what the live dataclass has and the document has not."""
    live = current().value(document[MARK])
    inner = {name: value for name, value in document.items() if name != MARK}
    new = validate(json.dumps(inner))
    if type(new) is type(live):
        dataclass_fields.take_over(new, live, inner)
    return new


def _built(kind: type[BaseModel], taken: object) -> BaseModel:
    return current().built(kind, taken)


def _clean(value: object) -> object:
    return current().clean(value)


def _shown(value: object, handler: Callable[[object], object]) -> object:
    with current().shown(value) as shown:
        return handler(shown)


def _back(value: object) -> object:
    return current().back(value)
