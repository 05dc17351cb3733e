"""What a state's types declare: the JSON schema for clients, and the fields behind each annotation."""

import dataclasses
import enum
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import CoreSchema, PydanticUndefined, core_schema

from freak_core.state.type_hints import IMPORT, is_import, is_secret, mapping_value, members


class _TolerantJsonSchema(GenerateJsonSchema):
    """Describes as ``{}`` what has no JSON schema, such as a callable, instead of failing.

    Says more than pydantic's: a form can tell what is computed or frozen, and a decimal from a text.
    """

    def model_fields_schema(self, schema: core_schema.ModelFieldsSchema) -> JsonSchemaValue:
        """Describe computed fields too."""
        described = super().model_fields_schema(schema)
        for field in schema.get("computed_fields", []):
            marks = {"readOnly": True, "computed": True}
            described["properties"][field["property_name"]] = self.generate_inner(field) | marks
        return described

    def model_field_schema(self, schema: core_schema.ModelField) -> JsonSchemaValue:
        """Mark a frozen field as read only."""
        described = super().model_field_schema(schema)
        return described | {"readOnly": True} if schema.get("frozen") else described

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Name the format, since a decimal is written as a text."""
        return super().decimal_schema(schema) | {"format": "decimal"}

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        return {}

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Say nothing: a default that JSON cannot write is left out."""


def json_schema(model_class: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of what clients may send, by field names. Never raises."""
    try:
        return model_class.model_json_schema(by_alias=False, schema_generator=_TolerantJsonSchema)
    except Exception:  # noqa: BLE001  a user's __get_pydantic_json_schema__ may raise anything
        properties: dict[str, Any] = {name: {} for name in model_class.model_fields}
        return {"title": model_class.__name__, "type": "object", "properties": properties}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The declared fields of a model, dataclass or TypedDict.

    Attributes:
        fields: annotation by field name.
        aliases: field name by alias.
        alias_paths: aliases that reach into the input, with the field they fill.
        required: fields without a default.
        removable: TypedDict keys that may be missing.
        computed: names that can be read but not set.
        tags: the JSON values that a Literal field allows.
        open: unknown keys are kept (``extra="allow"``).
        checked: unknown keys are mistakes; not where a before-validator may rename them.
    """

    fields: Mapping[str, Any]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    alias_paths: Sequence[tuple[AliasPath, str]] = ()
    required: frozenset[str] = frozenset()
    removable: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    tags: Mapping[str, frozenset[Any]] = dataclasses.field(default_factory=dict)
    open: bool = False
    checked: bool = True

    def name(self, key: str) -> str | None:
        """Return the field that ``key`` names, itself or as an alias."""
        return key if key in self.fields else self.aliases.get(key)

    def by_names(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``body`` with its aliases replaced by field names; unknown keys stay."""
        found = {}
        for alias, name in self.alias_paths:
            value = alias.search_dict_for_path(dict(body))
            if value is not PydanticUndefined:
                found[name] = value
        heads = {alias.path[0] for alias, _ in self.alias_paths if found}
        kept = {
            self.name(key) or key: value for key, value in body.items() if self.name(key) or key not in heads
        }
        return found | kept

    def misfit(self, body: Mapping[str, Any]) -> tuple[int, int]:
        """Return how badly ``body`` fits: wrong tags, then unknown keys."""
        named = self.by_names(body)
        wrong = sum(
            1 for name, allowed in self.tags.items() if name in named and not _among(named[name], allowed)
        )
        unknown = sum(1 for key in named if key not in self.fields and key not in self.computed)
        return wrong, 0 if self.open or not self.checked else unknown


def records(annotation: Any) -> list[Record]:
    """Return the records that a JSON object may be read as."""
    found = (record(get_origin(member) or member) for member in members(annotation))
    return [each for each in found if each is not None]


def pick(annotation: Any, body: Mapping[str, Any], current: Record | None = None) -> Record | None:
    """Return the record that ``body`` is best read as; ``current`` wins a tie.

    Returns None where the annotation has no record, or a mapping fits better.
    """
    candidates = records(annotation)
    if not candidates:
        return None

    def rank(candidate: Record) -> tuple[Any, ...]:
        lacking = candidate.required - candidate.by_names(body).keys()
        return (*candidate.misfit(body), candidate is not current, len(lacking))

    best = min(candidates, key=rank)
    if mapping_value(annotation) is None or (best.misfit(body) == (0, 0) and not rank(best)[-1]):
        return best
    return None


@functools.lru_cache(maxsize=256)
def names_collide(kind: Any) -> bool:
    """Whether, anywhere in ``kind``, the alias of one field is the name of another."""
    return any(
        alias in each.fields and alias != name
        for annotation in _reachable(kind)
        for each in records(annotation)
        for alias, name in each.aliases.items()
    )


@functools.lru_cache(maxsize=256)
def has_imports(kind: Any) -> bool:
    """Whether, anywhere in ``kind``, a string is read as the path of something to import."""
    return any(is_import(annotation) for annotation in _reachable(kind))


@functools.lru_cache(maxsize=256)
def has_hidden(kind: Any) -> bool:
    """Whether, anywhere in ``kind``, there is a place for what readers cannot see, filled or not."""
    return any(is_secret(annotation) or _excludes(annotation) for annotation in _reachable(kind))


def _excludes(annotation: Any) -> bool:
    kinds = [kind for kind in members(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return any(field.exclude for kind in kinds for field in kind.model_fields.values())


def _reachable(kind: Any) -> Iterator[Any]:
    """Yield ``kind`` and every annotation in it, at any depth, each once."""
    seen: set[Any] = set()
    waiting = [kind]
    while waiting:
        annotation = waiting.pop()
        known_as = annotation if _hashable(annotation) else repr(annotation)
        if known_as in seen or isinstance(annotation, list):  # a list: the arguments of a Callable
            continue
        seen.add(known_as)
        yield annotation
        for member in members(annotation):
            waiting += get_args(member) if get_origin(member) is not Literal else ()
        for each in records(annotation):
            waiting += each.fields.values()


def _hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:  # Annotated with a dict, say
        return False
    return True


@functools.lru_cache(maxsize=1024)
def record(kind: Any) -> Record | None:
    """Return the record of a model, dataclass or TypedDict class, None for anything else."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, BaseModel):
        return _of_fields(kind, kind.model_fields, kind.model_config)
    if dataclasses.is_dataclass(kind):
        config = getattr(kind, "__pydantic_config__", {})
        if hasattr(kind, "__pydantic_fields__"):
            return _of_fields(kind, kind.__pydantic_fields__, config)
        return _of_hints(kind, [each.name for each in dataclasses.fields(kind)], config)
    if typing_extensions.is_typeddict(kind):
        return _of_hints(kind, list(kind.__annotations__), getattr(kind, "__pydantic_config__", {}))
    return None


def _of_fields(kind: Any, fields: Mapping[str, FieldInfo], config: Mapping[str, Any]) -> Record:
    aliases, alias_paths = {}, []
    for name, field in fields.items():
        for alias in _aliases(field):
            if isinstance(alias, AliasPath):
                alias_paths.append((alias, name))
            else:
                aliases[alias] = name
    decorators = kind.__pydantic_decorators__
    annotations = {name: _annotation(field) for name, field in fields.items()}
    return Record(
        fields=annotations,
        aliases=aliases,
        alias_paths=alias_paths,
        required=frozenset(name for name, field in fields.items() if field.is_required()),
        computed=frozenset(decorators.computed_fields),
        tags=_tags(annotations),
        open=config.get("extra") == "allow",
        checked=all(each.info.mode != "before" for each in decorators.model_validators.values()),
    )


def _annotation(field: FieldInfo) -> Any:
    for each in field.metadata:
        if isinstance(each, IMPORT):
            return Annotated[field.annotation, each]
    return field.annotation


def _of_hints(kind: Any, names: list[str], config: Mapping[str, Any]) -> Record:
    try:
        hints = get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names that only pydantic could resolve
        hints = {}
    annotations = {name: hints.get(name, Any) for name in names}
    removable = frozenset(getattr(kind, "__optional_keys__", ()))
    return Record(
        fields=annotations, removable=removable, tags=_tags(annotations), open=config.get("extra") == "allow"
    )


def _aliases(field: FieldInfo) -> Iterator[str | AliasPath]:
    alias = field.validation_alias or field.alias
    for each in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if each is not None:
            yield each


def _tags(annotations: Mapping[str, Any]) -> dict[str, frozenset[Any]]:
    tags = {}
    for name, annotation in annotations.items():
        kinds = list(members(annotation))
        if all(get_origin(kind) is Literal for kind in kinds):
            values = [value for kind in kinds for value in get_args(kind)]
            tags[name] = frozenset(each.value if isinstance(each, enum.Enum) else each for each in values)
    return tags


def _among(value: Any, allowed: frozenset[Any]) -> bool:
    return not isinstance(value, dict | list) and value in allowed
