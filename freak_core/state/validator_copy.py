"""A copy of the live state for validators: its containers are copies, everything else is the live object."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Final, cast

from pydantic import BaseModel

from freak_core.state import dataclass_fields
from freak_core.state.raw_writes import write_keys
from freak_core.state.snapshot import Snapshot

_COPIED: Final = (list, dict, set, deque, defaultdict, OrderedDict, Counter)


def validator_copy(model: BaseModel, held: Snapshot, *, iterators: bool = True) -> BaseModel:
    """Return a copy of ``model`` as it was ``held``.

    Models, dataclasses, lists, dicts, sets and deques are copied, also inside tuples; of their subclasses
    only those of the standard library. Private attributes and all other values are the live objects. No code
    of the program runs.

    With ``iterators=False`` the copy is for serialization, which would use iterators up: each is replaced by
    an object that can do everything else. All subclasses are copied then, too.
    """
    copies: dict[int, object] = {}
    for live, _ in held.contents:
        if not iterators or _is_copied(live):
            copies[id(live)] = _empty(live)
    of = _Copies(copies, held, iterators=iterators)
    for live, contents in held.contents:
        if id(live) in copies:
            _fill(live, copies[id(live)], contents, of.copy, plain=held.is_plain(live))
            held.note_copy(live, copies[id(live)])
    return cast(BaseModel, copies[id(model)])


class _Copies:
    def __init__(self, copies: dict[int, object], held: Snapshot, *, iterators: bool) -> None:
        self._copies = copies
        self._iterators = iterators
        self._held = held

    def copy(self, value: object) -> object:
        """Return the copy of a value, or the value itself where there is none."""
        if type(value) is tuple and not self._held.is_plain(value):
            inner = tuple(map(self.copy, value))
            return inner if any(one is not other for one, other in zip(inner, value, strict=True)) else value
        if not self._iterators and isinstance(value, Iterator):
            return _stand_in(value)
        return self._copies.get(id(value), value)


def _fill(live: object, empty: Any, contents: Any, copy: Callable[[object], object], *, plain: bool) -> None:
    if isinstance(live, BaseModel):
        fields, names, private, extra = contents
        cached = {name for name in fields if isinstance(getattr(type(live), name, None), cached_property)}
        values = {name: copy(value) for name, value in fields.items() if name not in cached}
        object.__setattr__(empty, "__dict__", values)
        object.__setattr__(empty, "__pydantic_fields_set__", set(names or ()))
        object.__setattr__(empty, "__pydantic_private__", None if private is None else dict(private))
        inner = None if extra is None else {name: copy(value) for name, value in extra.items()}
        object.__setattr__(empty, "__pydantic_extra__", inner)
    elif isinstance(live, dict):
        write_keys(empty, contents if plain else {key: copy(value) for key, value in contents.items()})
    elif isinstance(live, list | deque):
        kind = list if isinstance(live, list) else deque
        kind.extend(empty, contents if plain else map(copy, contents))
    elif isinstance(live, set):
        set.update(empty, contents)
    else:
        dataclass_fields.write(empty, {name: copy(value) for name, value in contents.items()})


def _is_copied(live: object) -> bool:
    return isinstance(live, BaseModel) or type(live) in _COPIED or dataclass_fields.can_be_written(live)


def _empty(live: object) -> object:
    """Return an object of the same class that holds nothing yet."""
    if type(live) is defaultdict:
        return defaultdict(live.default_factory)
    if type(live) is deque:
        return deque(maxlen=live.maxlen)
    kind = type(live)
    return object.__new__(kind) if dataclass_fields.is_instance(live) else kind.__new__(kind)


def _stand_in(iterator: object) -> object:
    """Return an object with the attributes of an iterator, and a type of that name, that yields nothing."""
    attributes = {"__getattr__": lambda _, name: getattr(iterator, name)}
    return type(type(iterator).__name__, (), attributes)()
