"""What the live objects of a state hold, noted without serializing anything: to compare, or to put back."""

import dataclasses
import datetime as dt
import decimal
import enum
import operator
import pathlib
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, MutableSet, Sequence
from typing import Final

from pydantic import BaseModel

from freak_core.state.json_values import PLAIN
from freak_core.state.type_hints import SECRETS

NEVER_CHANGE: Final = (
    bytes,
    complex,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    enum.Enum,
    frozenset,
    pathlib.PurePath,
    uuid.UUID,
    type,
    *SECRETS,
)
"""Types of values that nobody changes and that compare by what they are."""

_HIDDEN = ("__pydantic_fields_set__", "__pydantic_private__", "__pydantic_extra__")


class Snapshot:
    """The contents of every model, dataclass, dict, list and set in a state.

    Args:
        model: the live state.
    """

    def __init__(self, model: BaseModel) -> None:
        self._held: list[tuple[object, object]] = []
        self._seen: set[int] = set()
        self._comparable = True
        self._complete = True
        waiting: list[object] = [model]
        while waiting:
            waiting += self._note(waiting.pop())

    @property
    def contents(self) -> Sequence[tuple[object, object]]:
        """Each live container, with a copy of what it held; its items are not copied."""
        return self._held

    def unchanged(self) -> bool:
        """Whether the live objects are sure to hold what they held; False if one of them cannot tell."""
        return self._comparable and all(_same(_contents(live), held) for live, held in self._held)

    def seems_unchanged(self) -> bool:
        """Whether the live objects hold what they held, as far as a request can change it.

        What is inside private attributes, and objects that are no containers, is not compared.
        """
        return self._complete and all(_same(_contents(live), held) for live, held in self._held)

    def holds(self, live: object, keys: Sequence[object] | None) -> bool:
        """Whether a live object still has what it had under ``keys``; None for a list: its items then."""
        for each, contents in self._held:
            if each is not live:
                continue
            held, now = contents, _contents(live)
            if isinstance(live, BaseModel) and isinstance(held, tuple) and isinstance(now, tuple):
                held, now = held[0], now[0]
            if isinstance(held, dict) and isinstance(now, dict):
                wanted = held.keys() if keys is None else keys
                return all(_is(now.get(key), held.get(key)) for key in wanted)
            if isinstance(held, list) and isinstance(now, list):
                return _same(now[: len(held)], held)
        return True

    def restore(self) -> None:
        """Put the contents of every live object back. No code of the program runs."""
        for live, held in self._held:
            _put_back(live, held)

    def _note(self, value: object) -> Iterator[object]:
        """Note what ``value`` holds, and yield what is inside it."""
        if type(value) in PLAIN or id(value) in self._seen:
            return
        contents = _contents(value)
        if contents is not None:
            self._seen.add(id(value))
            self._held.append((value, contents))
        elif not isinstance(value, (*NEVER_CHANGE, tuple)):
            self._comparable = False
            self._complete = self._complete and not isinstance(value, Mapping | MutableSet)
        if isinstance(value, BaseModel) and not all(
            map(_stays, (getattr(value, "__pydantic_private__", None) or {}).values())
        ):
            self._comparable = False  # private attributes may be large: what is inside them is not noted
        if (
            dataclasses.is_dataclass(value)
            and not isinstance(value, type)
            and any(each.name not in getattr(value, "__dict__", {}) for each in dataclasses.fields(value))
        ):
            self._comparable = self._complete = False  # a field in an inherited slot
        if not isinstance(contents, list) or not PLAIN.issuperset(set(map(type, contents))):
            yield from _inside(value)


def _stays(value: object) -> bool:
    return type(value) in PLAIN or isinstance(value, NEVER_CHANGE)


def _contents(value: object) -> object:
    """Return a copy of what a value holds, its items not copied; None for a value that holds nothing."""
    if isinstance(value, BaseModel):
        hidden = [getattr(value, name, None) for name in _HIDDEN]
        return dict(value.__dict__), *(each.copy() if each is not None else None for each in hidden)
    for kind in (dict, list, set, deque):
        if isinstance(value, kind):
            return kind(value)  # a plain one, also of a subclass
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__"):
        return dict(value.__dict__)
    return None


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, BaseModel):
        yield from value.__dict__.values()
        yield from (getattr(value, "__pydantic_extra__", None) or {}).values()
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from getattr(value, "__dict__", {}).values()


def _put_back(live: object, held: object) -> None:
    if isinstance(live, BaseModel) and isinstance(held, tuple):
        fields, *hidden = held
        _refill(live.__dict__, fields)
        for name, value in zip(_HIDDEN, hidden, strict=True):
            now = getattr(live, name, None)
            if isinstance(now, dict) and isinstance(value, dict):
                _refill(now, value)
            elif isinstance(now, set) and isinstance(value, set):
                now |= value
                now &= value
            else:
                object.__setattr__(live, name, value)
    elif isinstance(live, list) and isinstance(held, list):
        live[:] = held
    elif isinstance(live, deque) and isinstance(held, deque):
        live.clear()
        live.extend(held)
    elif isinstance(live, set) and isinstance(held, set):
        live |= held
        live &= held
    elif isinstance(held, dict):
        _refill(live if isinstance(live, dict) else live.__dict__, held)


def _refill(live: dict[str, object], held: dict[str, object]) -> None:
    """Make ``live`` equal to ``held``; a thread that reads a key of both always finds one."""
    live.update(held)
    for name in [name for name in live if name not in held]:
        del live[name]


def _same(one: object, other: object) -> bool:
    """Whether two contents hold the same objects, or equal plain values, in the same places."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if type(one) is dict and type(other) is dict:
        return list(one) == list(other) and all(map(_is, one.values(), other.values()))
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and (all(map(operator.is_, one, other)) or all(map(_is, one, other)))
    if isinstance(one, deque) and isinstance(other, deque):
        return _same(list(one), list(other))
    if isinstance(one, set) and isinstance(other, set):
        return set(map(id, one)) == set(map(id, other))
    return one is other


def _is(one: object, other: object) -> bool:
    # Floats by identity: 0.0 equals -0.0, and NaN does not equal itself.
    return one is other or (type(one) is type(other) and type(one) in (bool, int, str) and one == other)
