"""The fields that a model, dataclass or TypedDict declares, with their aliases."""

import dataclasses
import enum
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

import typing_extensions
from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from freak_core.state.type_hints import (
    IMPORT,
    TypeHint,
    is_import,
    is_secret,
    mapping_value,
    members,
    named_tuple_fields,
    resolved,
    substituted,
)
from freak_core.text.strict_json import JSON


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The declared fields of a model, dataclass or TypedDict.

    Attributes:
        fields: type by field name.
        aliases: field name by alias.
        alias_paths: aliases that reach into the input, with the field they fill.
        required: fields without a default.
        removable: TypedDict keys that may be missing.
        computed: names that can be read but not set.
        tags: the JSON values that a Literal field allows.
        open: unknown keys are kept (``extra="allow"``).
        checked: an unknown key is refused. False where a validator of the whole input may know it.
    """

    fields: Mapping[str, TypeHint]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    alias_paths: Sequence[tuple[AliasPath, str]] = ()
    required: frozenset[str] = frozenset()
    removable: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    tags: Mapping[str, frozenset[object]] = dataclasses.field(default_factory=dict)
    open: bool = False
    checked: bool = True

    def name(self, key: str) -> str | None:
        """Return the field that ``key`` names, itself or as an alias."""
        return key if key in self.fields else self.aliases.get(key)

    def by_names(self, body: Mapping[str, JSON]) -> dict[str, JSON]:
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

    def misfit(self, body: Mapping[str, JSON]) -> tuple[int, int]:
        """Return the number of wrong tags and of unknown keys in ``body``."""
        named = self.by_names(body)
        wrong = sum(
            1 for name, allowed in self.tags.items() if name in named and not among(named[name], allowed)
        )
        unknown = sum(1 for key in named if key not in self.fields and key not in self.computed)
        return wrong, 0 if self.open or not self.checked else unknown


def records(hint: TypeHint) -> list[Record]:
    """Return the records of all models, dataclasses and TypedDicts among the members of ``hint``."""
    found = (_of_member(member) for member in members(hint))
    return [each for each in found if each is not None]


def _of_member(hint: TypeHint) -> Record | None:
    """Return the record of a union's member, which may be a generic with its arguments."""
    origin: TypeHint = get_origin(hint)
    if origin is None or not _hashable(hint):
        return record(origin or hint)
    return _of_generic(hint)


@functools.lru_cache(maxsize=1024)
def _of_generic(generic: TypeHint) -> Record | None:
    plain, parameters = record(get_origin(generic)), getattr(get_origin(generic), "__parameters__", ())
    if plain is None:
        return None
    arguments = get_args(generic)
    hints = {name: substituted(hint, parameters, arguments) for name, hint in plain.fields.items()}
    return dataclasses.replace(plain, fields=hints, tags=_tags(hints))


def pick(hint: TypeHint, body: Mapping[str, JSON], current: Record | None = None) -> Record | None:
    """Return the record that fits ``body`` best. ``current`` wins a tie.

    Returns None where the type hint has no record, or a mapping fits better.
    """
    candidates = records(hint)
    if not candidates:
        return None

    def rank(candidate: Record) -> tuple[int, int, bool, int]:
        lacking = candidate.required - candidate.by_names(body).keys()
        return (*candidate.misfit(body), candidate is not current, len(lacking))

    best = min(candidates, key=rank)
    if mapping_value(hint) is None or (best.misfit(body) == (0, 0) and not rank(best)[-1]):
        return best
    return None


@functools.lru_cache(maxsize=256)
def names_collide(kind: TypeHint) -> bool:
    """Whether, anywhere in ``kind``, the alias of one field is the name of another."""
    return any(
        alias in each.fields and alias != name
        for hint in _reachable(kind)
        for each in records(hint)
        for alias, name in each.aliases.items()
    )


@functools.lru_cache(maxsize=256)
def has_imports(kind: TypeHint) -> bool:
    """Whether, anywhere in ``kind``, pydantic may import what a string names."""
    return any(is_import(hint) for hint in _reachable(kind))


@functools.lru_cache(maxsize=256)
def has_hidden(kind: TypeHint) -> bool:
    """Whether, anywhere in ``kind``, a field is a secret or excluded."""
    return any(is_secret(hint) or _excludes(hint) for hint in _reachable(kind))


def _excludes(hint: TypeHint) -> bool:
    kinds = [kind for kind in members(hint) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return any(field.exclude for kind in kinds for field in kind.model_fields.values())


def _reachable(kind: TypeHint) -> Iterator[TypeHint]:
    """Yield ``kind`` and every type hint in it, at any depth, each once."""
    seen: set[TypeHint] = set()
    waiting = [kind]
    while waiting:
        hint = waiting.pop()
        known_as = hint if _hashable(hint) else repr(hint)
        if known_as in seen or isinstance(hint, list):  # a list: the arguments of a Callable
            continue
        seen.add(known_as)
        yield hint
        for member in members(hint):
            waiting += () if _is_literal(member) else get_args(member)
        for each in records(hint):
            waiting += each.fields.values()


def _hashable(hint: TypeHint) -> bool:
    try:
        hash(hint)
    except TypeError:  # Annotated with a dict, say
        return False
    return True


@functools.lru_cache(maxsize=1024)
def record(kind: TypeHint) -> Record | None:
    """Return the record of a model, dataclass, NamedTuple or TypedDict class, None for anything else."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, BaseModel):
        return _of_fields(kind, kind.model_fields, kind.model_config)
    if dataclasses.is_dataclass(kind):
        config = getattr(kind, "__pydantic_config__", {})
        if hasattr(kind, "__pydantic_fields__"):
            return _of_fields(kind, kind.__pydantic_fields__, config)
        fields = dataclasses.fields(kind)
        plain = _of_hints(kind, [each.name for each in fields if each.init], config)
        return dataclasses.replace(plain, computed=frozenset(each.name for each in fields if not each.init))
    if typing_extensions.is_typeddict(kind):
        return _of_hints(kind, list(kind.__annotations__), getattr(kind, "__pydantic_config__", {}))
    named = issubclass(kind, tuple) and hasattr(
        kind, "_fields"
    )  # a list to readers; pydantic takes an object too
    return Record(fields=named_tuple_fields(kind)) if named else None


def _of_fields(kind: TypeHint, fields: Mapping[str, FieldInfo], config: Mapping[str, object]) -> Record:
    aliases, alias_paths = {}, []
    for name, field in fields.items():
        for alias in _aliases(field):
            if isinstance(alias, AliasPath):
                alias_paths.append((alias, name))
            else:
                aliases[alias] = name
    decorators = kind.__pydantic_decorators__
    made = {name for name, field in fields.items() if field.init is False}  # by a dataclass itself
    fields = {name: field for name, field in fields.items() if name not in made}
    hints = {name: _annotation(field) for name, field in fields.items()}
    return Record(
        fields=hints,
        aliases=aliases,
        alias_paths=alias_paths,
        required=frozenset(name for name, field in fields.items() if field.is_required()),
        computed=frozenset([*decorators.computed_fields, *made]),
        tags=_tags(hints),
        open=config.get("extra") == "allow",
        checked=all(each.info.mode == "after" for each in decorators.model_validators.values()),
    )


def _annotation(field: FieldInfo) -> TypeHint:
    for each in field.metadata:
        if isinstance(each, IMPORT):
            return Annotated[field.annotation, each]
    return field.annotation


def _of_hints(kind: TypeHint, names: list[str], config: Mapping[str, object]) -> Record:
    declared = resolved(kind)
    hints = {name: declared.get(name, Any) for name in names}
    removable = frozenset(getattr(kind, "__optional_keys__", ()))
    return Record(fields=hints, removable=removable, tags=_tags(hints), open=config.get("extra") == "allow")


def _aliases(field: FieldInfo) -> Iterator[str | AliasPath]:
    alias = field.validation_alias or field.alias
    for each in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if each is not None:
            yield each


def _tags(hints: Mapping[str, TypeHint]) -> dict[str, frozenset[object]]:
    tags = {}
    for name, hint in hints.items():
        kinds = list(members(hint))
        if all(map(_is_literal, kinds)):
            values = [value for kind in kinds for value in get_args(kind)]
            tags[name] = frozenset(each.value if isinstance(each, enum.Enum) else each for each in values)
    return tags


def _is_literal(hint: TypeHint) -> bool:
    origin: TypeHint = get_origin(hint)
    return origin is Literal


def declared(record: Record | None, hint: TypeHint, key: str) -> TypeHint:
    """Return the declared type of the value at a key: of a record, or of a mapping of type ``hint``."""
    return mapping_value(hint) or Any if record is None else record.fields.get(key, Any)


def among(value: object, allowed: Collection[object]) -> bool:
    """Whether a JSON value is one of the ``allowed``."""
    return not isinstance(value, dict | list) and value in allowed
