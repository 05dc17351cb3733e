"""What a type annotation allows: its members, None, secrets, imports, and the types inside containers."""

import functools
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NewType, TypeAlias, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import ImportString, JsonValue, RootModel, Secret, SecretBytes, SecretStr

TypeHint: TypeAlias = Any
"""A class or a typing form, such as ``float | None``. Python has no static type for these."""

SECRETS = (SecretStr, SecretBytes, Secret)
"""The types whose values no reader may see."""

IMPORT: TypeHint = ImportString
"""The type whose values pydantic imports by their path. To a type checker it is an alias of its parameter."""

MASK = "**********"
"""What readers see in the place of a secret."""

_BACKPORT: TypeHint = typing_extensions.TypeAliasType
_ALIASES: tuple[TypeHint, ...] = (_BACKPORT, getattr(typing, "TypeAliasType", _BACKPORT))
"""On Python 3.12 and 3.13 the ``type`` statement makes another class than typing_extensions does."""

_WRAPPERS = (typing.Required, typing.NotRequired, typing.Final, typing_extensions.ReadOnly)


def members(hint: TypeHint) -> Iterator[TypeHint]:
    """Yield the types that a value may have: opens unions, aliases, ``Annotated`` and root models."""
    origin: TypeHint = get_origin(hint)
    if hint is JsonValue:  # any JSON value, so that null in a patch removes a key
        yield Any
    elif origin is Annotated or origin in _WRAPPERS:
        inner, *metadata = get_args(hint)
        if any(isinstance(each, IMPORT) for each in metadata):  # ImportString[...] is an Annotated
            yield IMPORT
        yield from members(inner)
    elif origin in (Union, types.UnionType):
        for member in get_args(hint):
            yield from members(member)
    elif _is_alias(hint):
        yield from members(_value(hint))
    elif _is_alias(origin):
        yield from members(substituted(_value(origin), origin.__type_params__, get_args(hint)))
    elif isinstance(hint, NewType):
        yield from members(hint.__supertype__)
    elif isinstance(hint, TypeVar):
        yield from members(_unbound(hint))
    elif isinstance(hint, type) and issubclass(hint, RootModel):
        yield from members(hint.model_fields["root"].annotation)
    else:
        yield hint


def allows_none(hint: TypeHint) -> bool:
    """Whether None is declared, as in ``float | None``. ``Any`` does not declare it."""
    return any(member in (None, type(None)) for member in members(hint))


def is_secret(hint: TypeHint) -> bool:
    """Whether a value of this type may be a secret."""
    kinds = (get_origin(member) or member for member in members(hint))
    return any(isinstance(kind, type) and issubclass(kind, SECRETS) for kind in kinds)


def is_import(hint: TypeHint) -> bool:
    """Whether pydantic may import what a string of this type names."""
    return any(member is IMPORT for member in members(hint))


def mapping_value(hint: TypeHint) -> TypeHint:
    """Return the type of a mapping's values, or None where no mapping is declared."""
    for member in members(hint):
        kind = get_origin(member) or member
        if typing_extensions.is_typeddict(kind):
            continue  # its instances are dicts, but its keys are declared
        if isinstance(kind, type) and issubclass(kind, Mapping):
            return (*get_args(member), Any, Any)[1]
        if member is Any or member is object:
            return Any
    return None


def item(hint: TypeHint, index: int) -> TypeHint:
    """Return the type of the item at ``index`` of a list, tuple, set or any other iterable."""
    found: list[TypeHint] = []
    for member in members(hint):
        kind, args = get_origin(member) or member, get_args(member)
        if not isinstance(kind, type) or issubclass(kind, Mapping):
            continue
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            args = tuple(named_tuple_fields(member).values())
        if not (issubclass(kind, Iterable) and args):
            continue
        fixed = issubclass(kind, tuple) and args[-1] is not Ellipsis
        if index < len(args) or not fixed:
            found.append(args[index] if fixed else args[0])
    return Union[tuple(found)] if found else Any  # noqa: UP007  | fails on forward references


def named_index(hint: TypeHint, *names: str) -> int | None:
    """Return the index of the first name, if ``hint`` has a NamedTuple with all of the names."""
    for member in members(hint):
        kind: TypeHint = get_origin(member) or member
        if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
            fields = list(kind._fields)
            if names and set(names) <= set(fields):
                return fields.index(names[0])
    return None


def named_tuple_fields(hint: TypeHint) -> dict[str, TypeHint]:
    """Return the fields of a NamedTuple with their types, by name."""
    kind: TypeHint = get_origin(hint) or hint
    declared = resolved(kind)
    return {
        name: substituted(declared.get(name, Any), getattr(kind, "__parameters__", ()), get_args(hint))
        for name in kind._fields
    }


def resolved(kind: TypeHint) -> Mapping[str, TypeHint]:
    """Return the annotations of a class, or nothing where a name in them cannot be resolved from here."""
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names that only pydantic could resolve
        return {}


def substituted(hint: TypeHint, parameters: Sequence[TypeHint], arguments: Sequence[TypeHint]) -> TypeHint:
    """Return ``hint`` with each of the type parameters replaced by its argument."""
    given = dict(zip(parameters, arguments, strict=False))
    if hint in parameters:
        return given.get(hint, hint)
    own = getattr(hint, "__parameters__", ())
    if isinstance(hint, type) or not own:
        return hint
    try:
        return hint[tuple(given.get(each, each) for each in own)]
    except TypeError:  # a form that cannot be subscripted so, such as one with a TypeVarTuple
        return hint


def _unbound(variable: TypeHint) -> TypeHint:
    """Return the types that pydantic takes for a type variable without an argument."""
    if getattr(variable, "has_default", bool)():
        return variable.__default__
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007  a tuple
    return variable.__bound__ or Any


@functools.lru_cache(maxsize=1024)
def _value(alias: TypeHint) -> TypeHint:
    """Return what an alias stands for, with names in quotes resolved in the alias's own module."""
    written = {"__module__": alias.__module__, "__annotations__": {"value": alias.__value__}}
    return resolved(type("_Written", (), written)).get("value", alias.__value__)


def _is_alias(hint: TypeHint) -> bool:
    return isinstance(hint, _ALIASES)
