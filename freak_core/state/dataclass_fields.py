"""The fields of a dataclass, in its ``__dict__`` or in slots, past all code of the program."""

import dataclasses
import inspect
from collections.abc import Collection, Mapping
from types import MemberDescriptorType
from typing import Any


def is_instance(value: object) -> bool:
    """Whether a value is a dataclass, and no class."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def names(kind: type) -> list[str]:
    """Return the names of the fields of a class or an object."""
    fields: Mapping[str, object] = getattr(kind, "__dataclass_fields__", {})
    pseudo = ("_FIELD_CLASSVAR", "_FIELD_INITVAR")
    return [name for name, each in fields.items() if str(getattr(each, "_field_type", "")) not in pseudo]


def contents(value: object) -> dict[str, object]:
    """Return the fields that are set, with all else that is attached to the object."""
    found: dict[str, object] = dict(getattr(value, "__dict__", {}))
    for name in names(type(value)):
        slot = _slot(value, name)
        if slot is not None:
            try:
                found[name] = slot.__get__(value, type(value))
            except AttributeError:  # it has not been set
                continue
    return found


def write(value: object, values: Mapping[str, object]) -> None:
    """Set fields."""
    for name, each in values.items():
        slot = _slot(value, name)
        if slot is not None:
            slot.__set__(value, each)
        else:
            value.__dict__[name] = each


def take_over(new: Any, live: object, given: Collection[str]) -> None:
    """Give ``new``, which takes the place of ``live``, the fields that a document has not ``given`` it.

    A field with ``init=False`` cannot be given: it stays, unless ``__post_init__`` has set it.
    """
    held, fresh = contents(live), contents(new)
    for each in dataclasses.fields(new):
        name = each.name
        is_made = not each.init and each.default_factory is dataclasses.MISSING
        is_made = is_made and fresh.get(name, each.default) is not each.default
        if name in held and not is_made and (name not in given or not each.init):
            write(new, {name: held[name]})


def can_be_written(value: object) -> bool:
    """Whether a value is a dataclass that is not frozen, and holds each of its fields itself."""
    if not is_instance(value) or getattr(type(value), "__dataclass_params__").frozen:  # noqa: B009  typeshed
        return False
    return contents(value).keys() >= set(names(type(value)))


def _slot(value: object, name: str) -> MemberDescriptorType | None:
    found = inspect.getattr_static(type(value), name, None)
    return found if isinstance(found, MemberDescriptorType) else None
