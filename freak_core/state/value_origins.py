"""Where each value of a changed state was before the change, so that the live objects can follow."""

import copy
from collections.abc import Sequence

from freak_core.state.json_values import ABSENT, inside
from freak_core.text.paths import Path
from freak_core.text.strict_json import JSON


class Origin:
    """Where a value of the draft was in the live state, and what was there. A tree like the draft.

    Attributes:
        path: the place in the live state; None for a value that a request has added.
        live: the value there, in the document of the live state.
        seen: the value there, as readers see it.
        named: whether an operation has named this value or one inside it.
    """

    __slots__ = ("_children", "_order", "live", "named", "path", "seen")

    def __init__(self, path: Path | None, live: JSON = ABSENT, seen: JSON = ABSENT) -> None:
        self.path: Path | None = path
        self.live: JSON = live
        self.seen: JSON = seen
        self.named: bool = False
        self._children: dict[str | int, Origin] = {}
        self._order: list[int | Origin] | None = None

    def child(self, key: str | int) -> "Origin":
        """Return the origin of a value inside this one."""
        if self._order is None or not isinstance(key, int):
            if key not in self._children:
                self._children[key] = self._first(key)
            return self._children[key]
        if key >= len(self._order):
            return Origin(None)
        entry = self._order[key]
        if isinstance(entry, int):
            entry = self._order[key] = self._first(entry)
        return entry

    def ordered(self, length: int) -> "list[int | Origin]":
        """Return the origins of the items of this list, to be changed: an index stays where it was."""
        if self._order is None:
            self._order = [self._children.get(i, i) for i in range(length)]
        return self._order

    def reorder(self, places: Sequence[int | None], length: int) -> None:
        """Let the item at each index be the one that was at ``places[index]``; None for a new item."""
        if list(places) != list(range(length)):
            before = self.ordered(length)
            self._order = [Origin(None) if place is None else before[place] for place in places]

    def put(self, key: str, origin: "Origin") -> None:
        """Let the value at a key of this object come from elsewhere."""
        self._children[key] = origin

    def restore(self) -> None:
        """Forget all that has moved inside."""
        self._children, self._order = {}, None

    def arranged(self, live: JSON) -> JSON:
        """Return ``live``, the value that was here or elsewhere, with everything inside where it is now."""
        if not self.moved:
            return live
        if self._order is not None:
            items = [self.child(i) for i in range(len(self._order))]
            return [None if each.live is ABSENT else each.arranged(each.live) for each in items]
        found: JSON = copy.copy(live)
        for key, child in self._children.items():
            if isinstance(found, list) and isinstance(key, int) and key < len(found):
                found[key] = child.arranged(child.live)
            elif isinstance(found, dict) and isinstance(key, str):
                found[key] = child.arranged(child.live)
                if found[key] is ABSENT:
                    del found[key]
        return found

    def stays(self, key: str | int) -> bool:
        """Whether the value inside has the place in the live state that its key says."""
        entry = self._children.get(key) if self._order is None else self._entry(key)
        if isinstance(entry, int):
            return entry == key
        return entry is None or (self.path is not None and entry.path == (*self.path, str(key)))

    def unmoved(self, key: str | int) -> bool:
        """Whether the value inside is where it was, and so is everything in it."""
        entry = self._children.get(key) if self._order is None else self._entry(key)
        return self.stays(key) and (not isinstance(entry, Origin) or not entry.moved)

    @property
    def moved(self) -> bool:
        """Whether items of this list or keys of this object are not where they were, here or inside."""
        return self._order is not None or not all(map(self.unmoved, self._children))

    def _entry(self, key: str | int) -> "int | Origin":
        if self._order is None or not isinstance(key, int) or key >= len(self._order):
            return Origin(None)
        return self._order[key]

    def _first(self, key: str | int) -> "Origin":
        """Return where the value inside was before anything moved."""
        path = None if self.path is None else (*self.path, str(key))
        return Origin(path, inside(self.live, key), inside(self.seen, key))
