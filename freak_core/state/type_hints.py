"""What a type annotation allows: its members, None, secrets, imports, and the types inside containers."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence, Set
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
    elif _is_alias(hint) or _is_alias(origin):
        yield from members((hint if _is_alias(hint) else origin).__value__)
    elif isinstance(hint, NewType):
        yield from members(hint.__supertype__)
    elif isinstance(hint, TypeVar):
        yield from members(hint.__bound__ or Any)
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
    """Return the type of the item at ``index`` of a list, tuple or set."""
    found: list[TypeHint] = []
    for member in members(hint):
        kind, args = get_origin(member) or member, get_args(member)
        if not (isinstance(kind, type) and issubclass(kind, Sequence | Set) and args):
            continue
        fixed = issubclass(kind, tuple) and args[-1] is not Ellipsis
        if index < len(args) or not fixed:
            found.append(args[index] if fixed else args[0])
    return Union[tuple(found)] if found else Any  # noqa: UP007  | fails on forward references


def _is_alias(hint: TypeHint) -> bool:
    return isinstance(hint, typing_extensions.TypeAliasType)
