"""What the live objects of a state hold, noted without serializing anything: to compare, or to put back."""

import copy
import datetime as dt
import decimal
import enum
import operator
import pathlib
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, MutableSet, Sequence
from typing import Any, Final

from pydantic import BaseModel

from freak_core.state import dataclass_fields
from freak_core.state.json_values import DEEPEST, PLAIN
from freak_core.state.raw_writes import refill
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
        earlier: a snapshot of before. The contents of containers that have not changed are taken from it.
        exact: tell 1 from true and 0.0 from -0.0 where a container of plain data may have changed.

    Attributes:
        has_iterators: whether an iterator is somewhere in the state.
    """

    def __init__(self, model: BaseModel, earlier: "Snapshot | None" = None, *, exact: bool = True) -> None:
        self._held: list[tuple[object, object]] = []
        self._seen: set[int] = set()
        self._notes: dict[int, _Note] = {}
        self._comparable = True
        self._complete = True
        self.has_iterators: bool = False
        known = earlier._notes if earlier is not None else {}
        waiting: list[object] = [model]
        while waiting:
            waiting += self._note(waiting.pop(), known, exact)

    @property
    def contents(self) -> Sequence[tuple[object, object]]:
        """Each live container, with a copy of what it held; its items are not copied."""
        return self._held

    def unchanged(self) -> bool:
        """Whether the live objects are sure to hold what they held; False if one of them cannot tell."""
        return self._comparable and all(self._still(live, held) for live, held in self._held)

    def seems_unchanged(self) -> bool:
        """Whether the live objects hold what they held, as far as a request can change it.

        What is inside private attributes, and objects that are no containers, is not compared.
        """
        return self._complete and all(self._still(live, held, exact=True) for live, held in self._held)

    def is_plain(self, value: object) -> bool:
        """Whether a value is a list, tuple or dict that held only numbers, texts, booleans and None."""
        note = self._notes.get(id(value))
        return note is not None and note.plain

    def is_data(self, value: object, depth: int = 0) -> bool:
        """Whether a value is made of lists, tuples and dicts of plain values, at any depth."""
        if type(value) in PLAIN:
            return True
        note = self._notes.get(id(value))
        if note is None or depth > DEEPEST:
            return False
        return note.plain or all(self.is_data(each, depth + 1) for each in note.values())

    def as_in(self, earlier: "Snapshot", value: object) -> bool:
        """Whether data, as ``is_data`` says, held the same when ``earlier`` was taken."""
        if type(value) in PLAIN:
            return True
        note = self._notes[id(value)]
        if note is not earlier._notes.get(id(value)):
            return False
        return note.plain or all(self.as_in(earlier, each) for each in note.values())

    def contents_of(self, value: object) -> object:
        """Return what a list, tuple or dict held: the same object until that changes, and for a copy."""
        return self._notes[id(value)].first

    def note_copy(self, live: object, made: object) -> None:
        """Note that ``made`` is a copy that holds what ``live`` held."""
        note = self._notes.get(id(live))
        if note is not None:
            self._notes[id(made)] = note.of_copy(made)

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

    def _still(self, live: object, held: object, *, exact: bool = False) -> bool:
        note = self._notes.get(id(live))
        return _same(_contents(live), held) if note is None else note.still(exact=exact)

    def _note(self, value: object, known: "Mapping[int, _Note]", exact: bool) -> Iterator[object]:
        """Note what ``value`` holds, and yield what is inside it."""
        if type(value) in PLAIN or id(value) in self._seen:
            return
        note = None
        if isinstance(value, list | tuple | dict) and type(value) in (list, tuple, dict):
            note = known.get(id(value))
            if note is None or not note.still(exact=exact):
                note = _Note(value)
            self._notes[id(value)] = note
        contents = _contents(value) if note is None else note.contents
        if type(value) is tuple:
            self._seen.add(id(value))
        elif contents is not None:
            self._seen.add(id(value))
            self._held.append((value, contents))
        elif not isinstance(value, (*NEVER_CHANGE, tuple)):
            self._comparable = False
            self._complete = self._complete and not isinstance(value, Mapping | MutableSet)
            self.has_iterators = self.has_iterators or isinstance(value, Iterator)
        if isinstance(value, BaseModel) and not all(
            map(_stays, (getattr(value, "__pydantic_private__", None) or {}).values())
        ):
            self._comparable = False  # private attributes may be large: what is inside them is not noted
        if dataclass_fields.is_instance(value) and not dataclass_fields.contents(value).keys() >= set(
            dataclass_fields.names(type(value))
        ):
            self._comparable = self._complete = False  # a field that is a property
        if note is None:
            yield from _inside(value)
        elif not note.plain:
            yield from note.values()


class _Note:
    """What a list, tuple or dict held."""

    __slots__ = ("_kinds", "_told_apart", "contents", "first", "live", "plain")

    def __init__(self, live: "list[object] | tuple[object, ...] | dict[object, object]") -> None:
        self.live = live  # also keeps another object from getting its id
        self.contents = self.first = copy.copy(live)
        self._kinds: set[type] = set(map(type, self.values()))
        self.plain: bool = self._kinds <= PLAIN
        self._told_apart: bool | None = None

    def values(self) -> Sequence[object]:
        """Return what was inside."""
        return list(self.contents.values()) if isinstance(self.contents, dict) else self.contents

    def of_copy(self, made: Any) -> "_Note":
        """Return the same note of a copy."""
        note = copy.copy(self)
        note.live = made
        note.contents = self.contents if self.plain else copy.copy(made)
        return note

    def still(self, *, exact: bool) -> bool:
        """Whether the container holds what it held. Items that are not plain are compared by identity."""
        live, held = self.live, self.contents
        if live is held:  # a tuple
            return True
        if not self.plain:
            return _same(copy.copy(live), held)
        if isinstance(live, dict) and isinstance(held, dict):
            if list(live) != list(held):
                return False
            live, held = list(live.values()), list(held.values())
        try:  # many times as fast as a comparison by identity
            alike = live == held
        except Exception:  # noqa: BLE001  the program has put an object there, and __eq__ is user code
            return False
        return alike and (not exact or self._equal_is_same() or _same(list(live), list(held)))

    def _equal_is_same(self) -> bool:
        """Whether no value in here is equal to one that JSON writes in another way, as 1 is to 1.0."""
        if self._told_apart is None:
            floats = self.values()
            if self._kinds - {float}:
                floats = [each for each in floats if type(each) is float]
            whole = any(map(float.is_integer, floats))  # type: ignore[arg-type]
            self._told_apart = not (whole or self._kinds & {bool, int})
        return self._told_apart


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
    return dataclass_fields.contents(value) if dataclass_fields.is_instance(value) else None


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, BaseModel):
        yield from value.__dict__.values()
        yield from (getattr(value, "__pydantic_extra__", None) or {}).values()
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from value
    elif dataclass_fields.is_instance(value):
        yield from dataclass_fields.contents(value).values()


def _put_back(live: object, held: object) -> None:
    if isinstance(live, BaseModel) and isinstance(held, tuple):
        fields, *hidden = held
        refill(live.__dict__, fields)
        for name, value in zip(_HIDDEN, hidden, strict=True):
            now = getattr(live, name, None)
            if isinstance(now, dict) and isinstance(value, dict):
                refill(now, value)
            elif isinstance(now, set) and isinstance(value, set):
                now |= value
                now &= value
            else:
                object.__setattr__(live, name, value)
    elif isinstance(live, list) and isinstance(held, list):
        list.__setitem__(live, slice(None), held)
    elif isinstance(live, deque) and isinstance(held, deque):
        live.clear()
        live.extend(held)
    elif isinstance(live, set) and isinstance(held, set):
        set.update(live, held)
        set.intersection_update(live, held)
    elif isinstance(held, dict):
        if isinstance(live, dict):
            refill(live, held)
            return
        if hasattr(live, "__dict__"):
            refill(live.__dict__, {name: value for name, value in held.items() if name in live.__dict__})
        dataclass_fields.write(live, held)


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
