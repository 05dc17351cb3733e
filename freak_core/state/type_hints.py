"""What a type annotation allows: its members, None, secrets, imports, and what is inside containers."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Annotated, Any, NewType, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import ImportString, JsonValue, RootModel, Secret, SecretBytes, SecretStr

SECRETS = (SecretStr, SecretBytes, Secret)
"""The types whose values no reader may see."""

IMPORT: Any = ImportString
"""The type whose values are imported by their path; to a type checker it is an alias of its parameter."""

MASK = "**********"
"""What readers see in the place of a secret."""

_WRAPPERS = (typing.Required, typing.NotRequired, typing.Final, typing_extensions.ReadOnly)


def members(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have: unions, aliases, Annotated and root models are opened up."""
    origin = get_origin(annotation)
    if annotation is JsonValue:  # any JSON, so that null in a patch removes a key
        yield Any
    elif origin is Annotated or origin in _WRAPPERS:
        inner, *metadata = get_args(annotation)
        if any(isinstance(each, IMPORT) for each in metadata):  # ImportString[...] is an Annotated
            yield IMPORT
        yield from members(inner)
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from members(member)
    elif _is_alias(annotation) or _is_alias(origin):
        yield from members((annotation if _is_alias(annotation) else origin).__value__)
    elif isinstance(annotation, NewType):
        yield from members(annotation.__supertype__)
    elif isinstance(annotation, TypeVar):
        yield from members(annotation.__bound__ or Any)
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from members(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def allows_none(annotation: Any) -> bool:
    """Whether None is declared, as in ``float | None``; ``Any`` does not declare it."""
    return any(member in (None, type(None)) for member in members(annotation))


def is_secret(annotation: Any) -> bool:
    """Whether a value of this annotation may be a secret."""
    kinds = (get_origin(member) or member for member in members(annotation))
    return any(isinstance(kind, type) and issubclass(kind, SECRETS) for kind in kinds)


def is_import(annotation: Any) -> bool:
    """Whether a string of this annotation may be read as the path of something to import."""
    return any(member is IMPORT for member in members(annotation))


def mapping_value(annotation: Any) -> Any:
    """Return the annotation of a mapping's values, or None where no mapping is declared."""
    for member in members(annotation):
        kind = get_origin(member) or member
        if typing_extensions.is_typeddict(kind):
            continue  # a dict at run time, a record by declaration
        if isinstance(kind, type) and issubclass(kind, Mapping):
            return (*get_args(member), Any, Any)[1]
        if member is Any or member is object:
            return Any
    return None


def item(annotation: Any, index: int) -> Any:
    """Return the annotation of the item at ``index`` of a list, tuple or set."""
    found = []
    for member in members(annotation):
        kind, args = get_origin(member) or member, get_args(member)
        if not (isinstance(kind, type) and issubclass(kind, Sequence | Set) and args):
            continue
        fixed = issubclass(kind, tuple) and args[-1] is not Ellipsis
        if index < len(args) or not fixed:
            found.append(args[index] if fixed else args[0])
    return Union[tuple(found)] if found else Any  # noqa: UP007  | fails on forward references


def _is_alias(annotation: Any) -> bool:
    return isinstance(annotation, typing_extensions.TypeAliasType)
