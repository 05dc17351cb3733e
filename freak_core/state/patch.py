"""Operations on a document: what a patch, a put or a reset makes of the state as JSON.

What GET returned can be sent back. A value that equals what readers see asks for nothing: what the state
holds there stays, to the last digit, and a computed value is ignored. A put leaves the fields that readers
do not see. A secret given as its mask ``"**********"`` stays as it is, so no secret can be set to that.
Items of a list are told apart by their position alone.
"""

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from freak_core.errors import MOST_ERRORS, FieldError, NotFound
from freak_core.paths import ABSENT, Path, did_you_mean, equal, get, index, inside, missing
from freak_core.state.fields import Record, pick, records
from freak_core.state.intake import as_json, intruders
from freak_core.state.type_hints import MASK, allows_none, is_secret, item, mapping_value
from freak_core.state.validation import outcome, reason, rejected
from freak_core.strict_json import JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked for: merge ``body`` at ``path``, put it there, or go back to the initial value."""

    kind: Literal["patch", "put", "reset"]
    path: Path
    body: JSON = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the state: its path by field names, and what is there, ``ABSENT`` for nothing.

    Attributes:
        draft: in the document, with the operations before this one.
        live: in the document of the live state.
        seen: as readers see the live state.
    """

    path: Path
    draft: Any
    live: Any
    seen: Any

    def inside(self, key: str | int) -> "_Place":
        values = (inside(value, key) for value in (self.draft, self.live, self.seen))
        return _Place((*self.path, str(key)), *values)

    def along(self, path: Path) -> "_Place":
        place = self
        for part in path:
            indexed = isinstance(place.seen, list) and part.isdecimal()
            place = place.inside(int(part) if indexed else part)
        return place

    def read_as(self, annotation: Any, record: Record | None) -> "_Place":
        """Forget what is another variant: its secret may be a plain text in this one."""
        gone = {}
        for name in ("draft", "live"):
            value = getattr(self, name)
            if not isinstance(value, dict) or pick(annotation, value) is not record:
                gone[name] = ABSENT
        return dataclasses.replace(self, **gone, **({"seen": ABSENT} if "live" in gone else {}))

    def shows(self, body: JSON) -> bool:
        return self.seen is not ABSENT and equal(self.seen, body)

    def unseen(self, record: Record | None) -> dict[str, Any]:
        """Return the fields that readers do not see, such as excluded ones."""
        if record is None or not all(isinstance(each, dict) for each in (self.draft, self.live, self.seen)):
            return {}
        hidden = [name for name in record.fields if name in self.live and name not in self.seen]
        return {name: self.draft[name] for name in hidden if name in self.draft}


class Draft:
    """A document to which operations are applied.

    Args:
        kind: the model's class.
        current: the live state as a document.
        seen: the live state as readers see it.
        initial: the document to which a reset goes back.
        fresh: where the types allow several, replace an object instead of merging into it.

    Attributes:
        paths: where the operations point, by field names.
        errors: what the client's bodies name that is not there.
        ambiguous: an object was merged where the types allow several.
    """

    def __init__(
        self, kind: type[BaseModel], current: JSON, seen: JSON, initial: JSON, *, fresh: bool = False
    ) -> None:
        self.kind = kind
        self.document = copy.deepcopy(current)
        self.current = current
        self.seen = seen
        self.initial = initial
        self.fresh = fresh
        self.paths: list[Path] = []
        self.errors: list[FieldError] = []
        self.ambiguous = False

    def outcome(self) -> tuple[BaseModel | None, list[FieldError]]:
        """Validate the document; return the model, or None and why."""
        errors = self.errors or intruders(self.kind, self.document, self.current, self.initial)
        return (None, errors) if errors else outcome(self.kind, self.document)

    def applied(self, operations: Sequence[Operation]) -> "Draft":
        """Apply ``operations`` in their order, and return self."""
        for operation in operations:
            body = as_json(operation.body, operation.path)
            if operation.path:
                self._apply_inside(operation, body)
            else:
                self.paths.append(())
                self.document = self._whole(operation, body)
        return self

    def _whole(self, operation: Operation, body: JSON) -> Any:
        if operation.kind == "reset":
            return copy.deepcopy(self.initial)
        onto = self.document if operation.kind == "patch" else ABSENT
        return self._read(self.kind, body, self._root(), onto)

    def _root(self) -> _Place:
        return _Place((), self.document, self.current, self.seen)

    def _apply_inside(self, operation: Operation, body: JSON) -> None:
        place, holder, record, annotation = self._locate(operation.path)
        if holder is None:
            if operation.kind == "reset" or not place.shows(body):
                raise rejected([_read_only(place.path)])
            return
        self.paths.append(place.path)
        key: Any = place.path[-1] if isinstance(holder, dict) else int(place.path[-1])
        if operation.kind == "reset":
            self._reset(holder, key, record, place.path)
        else:
            self._set(holder, key, body, record, annotation, place, patch=operation.kind == "patch")

    def _locate(self, path: Path) -> tuple[_Place, Any, Record | None, Any]:
        """Return what ``path`` leads to, what holds its last key, its record and the key's annotation.

        Nothing holds a computed value.
        """
        place, holder, record, annotation = self._root(), None, None, self.kind
        for depth, part in enumerate(path):
            holder = place.draft
            key: Any = part
            if isinstance(holder, list):
                key = index(holder, place.path, part)
                record, annotation = None, item(annotation, key)
            elif isinstance(holder, dict):
                record = pick(annotation, holder)
                place = place.read_as(annotation, record)
                if record and record.name(part) is None and part in record.computed:
                    return place.along(path[depth:]), None, record, Any
                key, annotation = _declared(record, annotation, holder, place.path, part)
                if key not in holder and depth + 1 < len(path):
                    raise missing(place.path, part, holder)
            else:
                raise missing(place.path, part)
            place = place.inside(key)
        return place, holder, record, annotation

    def _reset(self, holder: Any, key: Any, record: Record | None, path: Path) -> None:
        try:
            holder[key] = copy.deepcopy(get(self.initial, path))
        except NotFound:
            if isinstance(holder, list) or (record is not None and key in record.fields):
                message = "this had no value at the start; reset what contains it"
                raise rejected([reason(path, "no_initial_value", message)]) from None
            holder.pop(key, None)

    def _set(
        self,
        holder: Any,
        key: Any,
        body: JSON,
        record: Record | None,
        annotation: Any,
        place: _Place,
        *,
        patch: bool,
    ) -> None:
        """Put ``body`` into ``holder``, or with ``patch`` merge it onto what is there."""
        stays = record is not None and key in record.fields and key not in record.removable
        if patch and body is None and not (stays and place.shows(None)):
            _clear(holder, key, record, annotation)
            return
        there = inside(holder, key)
        onto = (None if there is ABSENT else there) if patch else ABSENT
        value = self._read(annotation, body, place, onto)
        if value is not ABSENT:
            holder[key] = value
        elif isinstance(holder, dict):
            holder.pop(key, None)

    def _read(self, annotation: Any, body: JSON, place: _Place, onto: Any = ABSENT) -> Any:
        """Return ``body`` by field names; merged onto ``onto`` (RFC 7396) where that is given.

        Returns ``ABSENT`` where the body asks for nothing and what is there has no JSON form.
        """
        patch = onto is not ABSENT
        if body == MASK and is_secret(annotation):
            return self._kept(place)
        if place.shows(body) and not (patch and isinstance(body, dict)):
            return copy.deepcopy(place.live)
        if isinstance(body, list):
            return self._read_list(annotation, body, place)
        return self._read_object(annotation, body, place, onto) if isinstance(body, dict) else body

    def _kept(self, place: _Place) -> Any:
        if place.draft is ABSENT or place.draft is None:
            message = "this is the mask of a secret, and there is no secret here to keep"
            self.errors.append(reason(place.path, "masked", message))
        return copy.deepcopy(place.draft)

    def _read_list(self, annotation: Any, body: list[JSON], place: _Place) -> list[JSON]:
        values = []
        for i, each in enumerate(body):
            value = self._read(item(annotation, i), each, place.inside(i))
            values.append(each if value is ABSENT else value)
        return values

    def _read_object(self, annotation: Any, body: dict[str, JSON], place: _Place, onto: Any) -> JSON:
        patch = onto is not ABSENT
        base = onto if patch and isinstance(onto, dict) else {}
        current = pick(annotation, base) if base else None
        record = pick(annotation, body, current)
        if base and len(records(annotation)) > 1:
            self.ambiguous = True
            if self.fresh or record is not current:
                base = {}
        place = place.read_as(annotation, record)
        result = dict(base) if patch else place.unseen(record)
        for key, value in (record.by_names(body) if record else body).items():
            inner = record.fields.get(key, Any) if record else mapping_value(annotation) or Any
            where = place.inside(key)
            if record is None or key in record.fields or not self._left_out(record, key, value, where):
                self._set(result, key, value, record, inner, where, patch=patch)
        return result

    def _left_out(self, record: Record, key: str, value: JSON, place: _Place) -> bool:
        if key in record.computed:
            if not place.shows(value):
                self.errors.append(_read_only(place.path))
            return True
        if record.checked and not record.open:
            meant = did_you_mean(key, record.fields) if len(self.errors) < MOST_ERRORS else ""
            message = f"there is no such field{meant}"
            self.errors.append(reason(place.path, "unknown_field", message))
            return True
        return False


def _declared(
    record: Record | None, annotation: Any, here: dict[str, Any], names: Path, part: str
) -> tuple[str, Any]:
    """Return the key that ``part`` names in ``here`` and the annotation of its value."""
    if record is None:
        if part in here or mapping_value(annotation) is not None:
            return part, mapping_value(annotation) or Any
        raise missing(names, part, here)
    name = record.name(part)
    if name is not None:
        return name, record.fields[name]
    if part in here or record.open:
        return part, Any
    raise missing(names, part, record.fields)


def _clear(holder: Any, key: Any, record: Record | None, annotation: Any) -> None:
    """Carry out a null of a merge patch: None where a field or its type has it, else the key goes."""
    if isinstance(holder, list) or allows_none(annotation):
        holder[key] = None
    elif record is not None and key in record.fields and key not in record.removable:
        holder[key] = None  # a validator may take it; else the refusal says that null is not allowed
    else:
        holder.pop(key, None)


def _read_only(path: Path) -> FieldError:
    return reason(path, "read_only", "this is computed and cannot be set")
