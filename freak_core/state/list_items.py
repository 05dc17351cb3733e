"""Which items of a list are which after the list was replaced: by what they hold, then by their place."""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence, Set
from typing import Final

from pydantic import BaseModel, RootModel

from freak_core.state.json_values import PLAIN, equal
from freak_core.state.type_hints import MASK
from freak_core.text.strict_json import JSON

_MOST_COMPARED: Final = 40_000
"""How many pairs of items are compared by their fields."""


def matched(
    wanted: Sequence[JSON], there: Sequence[JSON], stand_ins: Set[str] = frozenset()
) -> list[int | None]:
    """Return for each wanted item the index of the item ``there`` that it continues; None for a new item.

    An item continues the one that has the same values. Next come items that give some of the values, then
    items that share a value no other item has, such as a name. What is left is paired in order, unless the
    list became shorter.

    A masked secret in an item that may continue several items is no match: nobody knows whose secret it is.
    The same is true of ``stand_ins``, the texts that readers see in the place of objects.
    """
    if len(wanted) == len(there) and equal(list(wanted), list(there)):
        return list(range(len(there)))
    match = _Match(wanted, there, stand_ins)
    match.equal_items()
    match.partial_items()
    match.by_own_values()
    match.in_order()
    return match.found


class _Match:
    def __init__(self, wanted: Sequence[JSON], there: Sequence[JSON], stand_ins: Set[str]) -> None:
        self.stand_ins = stand_ins
        self.wanted = wanted
        self.there = there
        self.found: list[int | None] = [None] * len(wanted)
        self._taken: set[int] = set()
        self._refused: set[int] = set()

    def equal_items(self) -> None:
        names, held = list(map(_text, self.wanted)), list(map(_text, self.there))
        wanted, there = Counter(names), Counter(held)
        for i, name in enumerate(names):
            item = self.wanted[i]
            hides = MASK in name or (isinstance(item, str) and item in self.stand_ins)
            if hides and there[name] > wanted[name]:
                self._refused.add(i)
            elif i < len(held) and held[i] == name:
                self._pair(i, i)
        places: dict[str, deque[int]] = defaultdict(deque)
        for j, name in enumerate(held):
            if j not in self._taken:
                places[name].append(j)
        for i in self._open():
            if places[names[i]]:
                self._pair(i, places[names[i]].popleft())

    def partial_items(self) -> None:
        """Pair objects that give some fields of an item, all with the values there."""
        if self._too_many():
            return
        for i in list(self._open()):
            item = self.wanted[i]
            if not item or not isinstance(item, dict):
                continue
            fits = [j for j in self._left() if _holds(self.there[j], item)]
            if len(fits) > 1 and MASK in _text(item) and len(self.wanted) != len(self.there):
                self._refused.add(i)
            elif fits:
                self._pair(i, i if i in fits else fits[0])

    def by_own_values(self) -> None:
        """Pair objects that share values which no other item has; most shared values first."""
        if self._too_many():
            return
        own, asked = _own(self.there), _own(self.wanted)
        pairs = [(len(asked[i] & own[j]), i, j) for i in self._open() for j in self._left()]
        for shared, i, j in sorted(pairs, key=lambda each: (-each[0], each[1] != each[2], each[1:])):
            if shared and self.found[i] is None and j not in self._taken:
                self._pair(i, j)

    def in_order(self) -> None:
        """Pair what is left between the same neighbours, unless there are fewer items than before."""
        if len(self.wanted) == len(self.there):
            for i in [i for i in self._open() if i not in self._taken]:
                self._pair(i, i)
        for first, last in list(self._gaps()):
            before = self.found[first - 1] if first else -1
            after = self.found[last] if last < len(self.found) else len(self.there)
            if before is None or after is None:
                continue
            left = [j for j in range(before + 1, after) if j not in self._taken]
            if len(left) <= last - first:
                for i, j in zip(range(first, last), left, strict=False):
                    self._pair(i, j)

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of wanted items without a match."""
        first: int | None = None
        for i, found in enumerate([*self.found, 0]):
            free = i < len(self.found) and found is None and i not in self._refused
            if free and first is None:
                first = i
            elif not free and first is not None:
                yield first, i
                first = None

    def _pair(self, i: int, j: int) -> None:
        self.found[i] = j
        self._taken.add(j)

    def _open(self) -> Iterator[int]:
        return (i for i, found in enumerate(self.found) if found is None and i not in self._refused)

    def _left(self) -> Iterator[int]:
        return (j for j in range(len(self.there)) if j not in self._taken)

    def _too_many(self) -> bool:
        return sum(1 for _ in self._open()) * (len(self.there) - len(self._taken)) > _MOST_COMPARED


def _text(item: JSON) -> str:
    if isinstance(item, dict | list):
        return json.dumps(item, sort_keys=True, default=repr)
    return f"{type(item).__name__} {item!r}"


def _holds(item: JSON, some: dict[str, JSON]) -> bool:
    return isinstance(item, dict) and all(key in item and equal(item[key], some[key]) for key in some)


def _own(items: Sequence[JSON]) -> list[set[str]]:
    """Return for each item its fields with a plain value that no other item has there."""
    named = [
        {f"{key}={_text(value)}" for key, value in item.items() if type(value) in PLAIN and value != MASK}
        if isinstance(item, dict)
        else set()
        for item in items
    ]
    times = Counter(each for names in named for each in names)
    return [{each for each in names if times[each] == 1} for names in named]


def made_of(given: JSON, taken: Sequence[object]) -> list[int | None]:
    """Return for each validated item the index of the ``given`` one: a validator may sort items or drop some.

    None stands for an item that no given one can have become.
    """
    there: list[JSON] = given if isinstance(given, list) else []
    as_given = [i if i < len(there) else None for i in range(len(taken))]
    likes = [i is not None and _like(there[i], taken[i]) for i in as_given]
    if not isinstance(given, list) or (all(likes) and len(there) == len(taken)):
        return as_given if isinstance(given, list) else list(range(len(taken)))
    if len(there) * likes.count(False) > _MOST_COMPARED:
        return as_given
    found = [i if like else None for i, like in zip(as_given, likes, strict=True)]
    free = [j for j in range(len(there)) if j not in found]
    for i, item in enumerate(taken):
        if found[i] is None:
            j = next((j for j in free if _like(there[j], item)), None)
            if j is not None:
                found[i] = j
                free.remove(j)
    if len(there) == len(taken):  # what a validator has changed
        found = [i if j is None and i in free else j for i, j in enumerate(found)]
    return found


def _like(given: JSON, taken: object) -> bool:
    """Whether a validated value can be the given one; values that JSON writes in another form always can."""
    if isinstance(taken, RootModel):
        return _like(given, taken.root)
    if isinstance(given, dict) and isinstance(taken, BaseModel):
        held = taken.__dict__
        return all(_like(value, held[key]) for key, value in given.items() if key in held)
    if isinstance(given, bool) or type(given) is str:
        return type(given) is not type(taken) or given == taken
    if isinstance(given, int | float) and type(taken) in (int, float):
        return given == taken or given != given  # noqa: PLR0124  NaN
    return True
