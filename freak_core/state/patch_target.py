"""A place in the state: what is there after the earlier operations, and what was there before."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from freak_core.state.fields import Record, pick
from freak_core.state.json_values import ABSENT, as_plain_json, equal, holds_kept, inside, opened
from freak_core.state.type_hints import TypeHint
from freak_core.state.value_origins import Origin
from freak_core.text.paths import Path
from freak_core.text.strict_json import JSON


@dataclass(frozen=True, slots=True)
class Place:
    """A path into the state, with the values there. A value is ``ABSENT`` where there is none.

    Attributes:
        path: the path by field names.
        draft: the value after the earlier operations.
        live: the value in the document of the live state, wherever it was there.
        seen: the live value as readers see it.
        origin: where the value was in the live state.
    """

    path: Path
    draft: JSON
    live: JSON
    seen: JSON
    origin: Origin

    def inside(self, key: str | int) -> "Place":
        """Return the place of the value at a key."""
        return self.made_of(key, self.origin.child(key), inside(self.draft, key))

    def made_of(self, key: str | int, origin: Origin, draft: JSON) -> "Place":
        """Return the place of a value inside this one that comes from elsewhere."""
        live, seen = origin.live, origin.seen
        if self.live is ABSENT and self.origin.live is not ABSENT:  # it is read as another member of a union
            live = seen = ABSENT
        return Place((*self.path, str(key)), draft, live, seen, origin)

    def added(self, key: str | int) -> "Place":
        """Return the place of a new value inside this one."""
        return Place((*self.path, str(key)), ABSENT, ABSENT, ABSENT, Origin(None))

    def shown(self) -> JSON:
        """Return the draft's value as readers would see it; without computed values where it has changed."""
        draft, live, seen = self.draft, self.live, self.seen
        if seen is not ABSENT and (draft is ABSENT or (not self.origin.moved and equal(draft, live))):
            return seen
        if isinstance(draft, dict):
            hidden = live.keys() - seen.keys() if isinstance(live, dict) and isinstance(seen, dict) else ()
            return {key: self.inside(key).shown() for key in draft if key not in hidden}
        if isinstance(draft, list):
            return [self.inside(i).shown() for i in range(len(draft))]
        return as_plain_json(draft)

    def along(self, path: Path) -> "Place":
        """Return the place at a path below this one."""
        place = self
        for part in path:
            indexed = isinstance(place.seen, list) and part.isdecimal()
            place = place.inside(int(part) if indexed else part)
        return place

    def read_as(self, hint: TypeHint, record: Record | None) -> "Place":
        """Drop values of another union member: its secret may be plain text in this one."""
        draft, live = (
            each if isinstance(value := opened(each), dict) and pick(hint, value) is record else ABSENT
            for each in (self.draft, self.live)
        )
        seen = ABSENT if live is ABSENT else self.seen
        return dataclasses.replace(self, draft=draft, live=live, seen=seen)

    def shows(self, body: JSON) -> bool:
        """Whether readers see ``body`` here."""
        return self.seen is not ABSENT and equal(self.seen, body)

    def unseen(self, record: Record | None) -> dict[str, JSON]:
        """Return the values of the fields that readers do not see, such as excluded ones."""
        draft, live, seen = opened(self.draft), opened(self.live), self.seen
        if record is None or not isinstance(draft, dict):
            return {}
        if not isinstance(live, dict) or not isinstance(seen, dict):
            return {}
        hidden = [name for name in record.fields if name in live and name not in seen]
        hidden += [name for name in record.fields if holds_kept(draft.get(name, ABSENT))]
        return {name: draft[name] for name in hidden if name in draft}


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation is about.

    Attributes:
        above: the places that contain it, from the root.
        place: the place itself.
        holder: the container of the value, in the draft; None for a computed value, which cannot be set.
        record: the declared fields of the holder.
        hint: the declared type of the value.
    """

    above: list[Place]
    place: Place
    holder: Any
    record: Record | None
    hint: TypeHint

    @property
    def key(self) -> str | int:
        """The key of the value in its holder."""
        last = self.place.path[-1]
        return int(last) if isinstance(self.holder, list) else last

    @property
    def exists(self) -> bool:
        """Whether there is a value: declared fields always have one."""
        if isinstance(self.holder, dict):
            return self.key in self.holder or self.declared
        return True

    @property
    def declared(self) -> bool:
        """Whether this is a field that its holder cannot be without."""
        record, key = self.record, self.key
        return record is not None and key in record.fields and key not in record.removable

    def mark(self) -> None:
        """Note that an operation names this value."""
        for place in (*self.above, self.place):
            place.origin.named = True
