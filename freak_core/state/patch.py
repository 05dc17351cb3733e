"""Operations on the state as JSON: merge patch, put, reset and JSON Patch.

A client can send back what GET returned, unchanged:

- A value that equals what readers see keeps the state's own value, to the last digit.
- A computed value is ignored.
- The mask ``"**********"`` keeps the secret. So no secret can be set to the mask itself.
- A put keeps the fields that readers do not see, and those whose objects have no JSON form.
- The text that readers see in the place of such an object keeps the object.

When a list is replaced, ``list_items.matched`` says which items of it were there before.
"""

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, RootModel

from freak_core.errors import MOST_ERRORS, FieldError, NotFound
from freak_core.state import dataclass_fields
from freak_core.state.fields import Record, declared, pick, records
from freak_core.state.ignored_fields import Validate, is_ignored
from freak_core.state.in_place import reach
from freak_core.state.initial_value import restored, would_lose
from freak_core.state.json_values import (
    ABSENT,
    PLAIN,
    Kept,
    container_copied,
    equal,
    holds_kept,
    inside,
    opened,
)
from freak_core.state.list_items import matched
from freak_core.state.patch_target import Place, Target
from freak_core.state.type_hints import (
    MASK,
    TypeHint,
    allows_none,
    is_secret,
    item,
    mapping_value,
    members,
    named_index,
)
from freak_core.state.validation import as_json, intruders, outcome, reason, rejected
from freak_core.state.value_origins import Origin
from freak_core.text.paths import Path, did_you_mean, get, index, missing
from freak_core.text.strict_json import JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the value at ``path``.

    Merge ``body`` into it, replace it by ``body``, reset it, or apply the JSON Patch ``body`` to it.
    """

    kind: Literal["patch", "put", "reset", "json_patch"]
    path: Path
    body: JSON = None


class Draft:
    """A copy of the state's document, to which operations are applied.

    Args:
        kind: the model's class.
        current: the live state as a document.
        seen: the live state as readers see it.
        initial: the document that a reset restores.
        live: the live state; None if there is none.
        fresh: where a union allows several models, replace the object instead of merging into it.

    Attributes:
        origin: where each value of the document was in the live state.
        errors: one for each unknown or read-only field in a body.
        doubtful: the unknown fields that a validator of the whole model may know, with their records.
        ambiguous: True if an object was merged where a union allows several models.
    """

    def __init__(
        self,
        kind: type[BaseModel],
        current: JSON,
        seen: JSON,
        initial: JSON,
        live: BaseModel | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        self.kind = kind
        self.document = current  # what is changed is copied first, the rest is shared: see ``locate``
        self.current = current
        self.seen = seen
        self.initial = initial
        self._live = live
        self.fresh = fresh
        self.origin: Origin = Origin((), current, seen)
        self.errors: list[FieldError] = []
        self.doubtful: list[tuple[Path, Record]] = []
        self.ambiguous: bool = False

    @functools.cached_property
    def _stand_ins(self) -> frozenset[str]:
        return frozenset(_stand_ins(self.current))

    def without_effect(self, model: BaseModel | None, validate: Validate) -> list[FieldError]:
        """Return an error for each unknown field that made no difference to ``model``, the new state.

        ``validate`` returns the new state of another document, or None.
        """
        if model is None:
            return []
        return [
            _unknown(*each) for each in self.doubtful if is_ignored(self.document, each[0], model, validate)
        ]

    def apply(self, operation: Operation) -> None:
        """Apply one operation that is no JSON Patch."""
        body = as_json(operation.body, operation.path)
        if operation.path:
            self._apply_inside(operation, body)
        else:
            self.origin.named = True
            self.document = self._whole(operation, body)

    def _whole(self, operation: Operation, body: JSON) -> JSON:
        if operation.kind == "reset":
            return restored(self.initial, self.root())
        onto = self.document if operation.kind == "patch" else ABSENT
        return self._read(self.kind, body, self.root(), onto)

    def root(self) -> Place:
        """Return the place of the whole state."""
        return Place((), self.document, self.current, self.seen, self.origin)

    def _apply_inside(self, operation: Operation, body: JSON) -> None:
        target = self.locate(operation.path)
        if target.holder is None:
            if operation.kind == "reset" or not target.place.shows(body):
                raise rejected([read_only(target.place.path)])
        elif operation.kind == "reset":
            target.mark()
            self._reset(target)
        else:
            self.set(target, body, patch=operation.kind == "patch")

    def set(self, target: Target, body: JSON, *, patch: bool = False) -> None:
        """Store ``body`` at a target. With ``patch``, merge it into the value there."""
        target.mark()
        self._set(target.holder, target.key, body, target.record, target.hint, target.place, patch=patch)

    def locate(self, path: Path, *, insert: bool = False) -> Target:
        """Return what is at a path that is not the root; with ``insert``, the last key may be new.

        Raises:
            NotFound: there is no such path.
        """
        place, record, hint = self.root(), None, self.kind
        above = []
        holder: Any = None
        key: str | int = ""
        for depth, part in enumerate(path):
            if isinstance(place.draft, Kept) and place.draft.form is not ABSENT:
                if place.draft.partial:
                    raise rejected([_partial(place.path)])
                place = dataclasses.replace(place, draft=opened(place.draft))
            place = dataclasses.replace(place, draft=container_copied(place.draft))
            if holder is None:
                self.document = place.draft
            else:
                holder[key] = place.draft
            above.append(place)
            holder, key = place.draft, part
            if isinstance(holder, list):
                named = named_index(hint, part)
                part = part if named is None else str(named)  # noqa: PLW2901
                last = insert and depth + 1 == len(path)
                key = len(holder) if last and part == "-" else index(holder, place.path, part, end=last)
                record, hint = None, item(hint, key)
                if last:
                    return Target(above, place.added(key), holder, None, hint)
            elif isinstance(holder, dict):
                hint = self._class_of(hint, place)
                record = pick(hint, holder)
                place = place.read_as(hint, record)
                if record and record.name(part) is None and part in record.computed:
                    return Target(
                        above, place.along(path[depth:]), None, record, declared(record, hint, part)
                    )
                key, hint = _declared(record, hint, holder, place.path, part)
                if key not in holder and depth + 1 < len(path):
                    raise missing(place.path, part, holder)
            else:
                raise missing(place.path, part)
            place = place.inside(key)
        return Target(above, place, holder, record, hint)

    def _reset(self, target: Target) -> None:
        holder, key, record = target.holder, target.key, target.record
        there = inside(holder, key)
        try:
            value = restored(get(self.initial, target.place.path), target.place)
        except NotFound:
            if isinstance(there, Kept) and there.form is ABSENT:
                return
            if holds_kept(there):  # what it held at the start is not known as JSON
                raise rejected([would_lose(target.place.path)]) from None
            if isinstance(holder, list) or (record is not None and key in record.fields):
                message = "this path had no value at the start. Reset the object that contains it."
                raise rejected([reason(target.place.path, "no_initial_value", message)]) from None
            holder.pop(key, None)
        else:
            holder[key] = value

    def _set(
        self,
        holder: Any,
        key: str | int,
        body: JSON,
        record: Record | None,
        hint: TypeHint,
        place: Place,
        *,
        patch: bool,
    ) -> None:
        """Store ``body`` in ``holder``. With ``patch``, merge it into the value there."""
        stays = record is not None and key in record.fields and key not in record.removable
        if patch and body is None and not (stays and place.shows(None)):
            _clear(holder, key, record, hint)
            return
        there = inside(holder, key)
        if patch and isinstance(body, dict) and isinstance(there, Kept) and there.partial:
            self.errors += [] if place.shows(body) else [_partial(place.path)]
            return
        open_form = opened(there)
        onto = (None if open_form is ABSENT else open_form) if patch else ABSENT
        value = self._read(hint, body, place, onto)
        if isinstance(there, Kept) and there.form is not ABSENT and equal(value, there.form):
            value = there
        if value is not ABSENT:
            holder[key] = value
        elif isinstance(holder, dict):
            holder.pop(key, None)

    def _read(self, hint: TypeHint, body: JSON, place: Place, onto: JSON = ABSENT) -> JSON:
        """Return ``body`` by field names, merged into ``onto`` (RFC 7396) if that is given.

        Returns ``ABSENT`` where the body changes nothing and the value there has no JSON form.
        """
        patch = onto is not ABSENT
        if body == MASK and is_secret(hint):
            return self._kept(place)
        if body == MASK and place.origin.seen == MASK and not place.shows(body):
            message = "this is the mask of a secret, which would be kept by no type that fits here"
            self.errors.append(reason(place.path, "masked", message))
        if place.shows(body) and (isinstance(place.live, Kept) or not (patch and isinstance(body, dict))):
            place.origin.restore()
            return place.live
        if isinstance(body, str) and body in self._stand_ins:
            message = "this text stands for an object of the program at another place; it cannot be moved"
            self.errors.append(reason(place.path, "read_only", message))
        if isinstance(body, list):
            return self._read_list(hint, body, place)
        if (
            patch
            and isinstance(body, dict)
            and isinstance(onto, list)
            and named_index(hint, *body) is not None
        ):
            return self._read_named(hint, body, place, onto)
        return self._read_object(hint, body, place, onto) if isinstance(body, dict) else body

    def _read_named(self, hint: TypeHint, body: dict[str, JSON], place: Place, onto: list[JSON]) -> JSON:
        """Return the items of a NamedTuple, with ``body`` merged into those that it names."""
        items = list(onto)
        for name, value in body.items():
            i = named_index(hint, name)
            if i is not None and i < len(items):
                self._set(items, i, value, None, item(hint, i), place.inside(i), patch=True)
        return items

    def read_new(self, target: Target, body: JSON) -> JSON:
        """Return ``body`` by field names, as the value of a new item of a list."""
        return self._read(target.hint, body, target.place)

    def _kept(self, place: Place) -> JSON:
        if place.draft is ABSENT or place.draft is None:
            message = "this is the mask of a secret, but no secret is set here. Send the secret itself."
            self.errors.append(reason(place.path, "masked", message))
        return place.draft

    def _read_list(self, hint: TypeHint, body: list[JSON], place: Place) -> list[JSON]:
        draft: list[JSON] = place.draft if isinstance(place.draft, list) else []
        values: list[JSON] = []
        for i, (each, was) in enumerate(zip(body, self._matched(hint, body, place), strict=True)):
            there = place.added(i) if was is None else place.made_of(i, place.origin.child(i), draft[was])
            value = self._read(item(hint, i), each, there)
            values.append(each if value is ABSENT else value)
        return values

    def _matched(self, hint: TypeHint, body: list[JSON], place: Place) -> list[int | None]:
        """Return which items of the draft those of ``body`` are, and let their origins follow."""
        if not isinstance(place.draft, list):
            return [None] * len(body)
        length, shown = len(place.draft), place.shown()
        if isinstance(shown, list) and len(shown) == length:
            named = [_by_names(item(hint, i), each) for i, each in enumerate(body)]
            places = matched(named, shown, self._stand_ins)
        else:  # a serializer shows another form
            places = [i if i < length else None for i in range(len(body))]
        place.origin.reorder(places, length)
        return places

    def _read_object(self, hint: TypeHint, body: dict[str, JSON], place: Place, onto: JSON) -> JSON:
        patch = onto is not ABSENT
        hint = self._class_of(hint, place)
        base = onto if patch and isinstance(onto, dict) else {}
        current = pick(hint, base) if base else None
        record = pick(hint, body, current) or current  # what a mapping would take may be a misspelt name
        if base and len(records(hint)) > 1:
            self.ambiguous = True
            if self.fresh or record is not current:
                base = {}
        place = place.read_as(hint, record)
        result = dict(base) if patch else place.unseen(record)
        for key, value in (record.by_names(body) if record else body).items():
            inner = declared(record, hint, key)
            where = place.inside(key)
            if record is None or key in record.fields or not self._left_out(record, key, value, where):
                self._set(result, key, value, record, inner, where, patch=patch)
        return result

    def _class_of(self, hint: TypeHint, place: Place) -> TypeHint:
        """Return the class of the object at a place whose declared type, such as ``Any``, tells no fields."""
        path = place.origin.path
        known = records(hint) and not any(each in (Any, object) for each in members(hint))
        if path is None or not isinstance(opened(place.draft), dict) or place.live is ABSENT or known:
            return hint  # an earlier operation may have put another value in its place
        there = reach(self._live, path)
        while isinstance(there, RootModel):
            there = there.root
        kept = isinstance(there, BaseModel) or dataclass_fields.is_instance(there)
        return type(there) if kept else hint

    def _left_out(self, record: Record, key: str, value: JSON, place: Place) -> bool:
        if key in record.computed:
            if not place.shows(value):
                self.errors.append(read_only(place.path))
            return True
        if record.open:
            return False
        if place.shows(value):
            return True  # a field of a subclass, which readers see, as it is
        if not record.checked:
            self.doubtful += [(place.path, record)] if len(self.doubtful) < MOST_ERRORS else []
            return False
        self.errors.append(_unknown(place.path, record if len(self.errors) < MOST_ERRORS else None))
        return True


def _partial(path: Path) -> FieldError:
    message = (
        "readers see only a part of this value. Replace it as a whole: a change inside would lose the rest"
    )
    return reason(path, "read_only", message)


def _stand_ins(value: JSON) -> Iterator[str]:
    """Yield the texts that readers see in the place of objects without a JSON form."""
    if isinstance(value, Kept):
        yield from [f"<{type(value.live).__name__}>"] if value.form is ABSENT else []
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            if type(each) not in PLAIN:
                yield from _stand_ins(each)


def _by_names(hint: TypeHint, body: JSON) -> JSON:
    record = pick(hint, body) if isinstance(body, dict) else None
    return record.by_names(body) if record is not None and isinstance(body, dict) else body


def _declared(
    record: Record | None, hint: TypeHint, here: dict[str, JSON], names: Path, part: str
) -> tuple[str, TypeHint]:
    """Return the key that ``part`` names in ``here``, and the type of its value."""
    if record is None:
        if part in here or mapping_value(hint) is not None:
            return part, declared(record, hint, part)
        raise missing(names, part, here)
    name = record.name(part)
    if name is not None:
        return name, record.fields[name]
    if part in here and not record.open and part not in record.computed:
        message = "this is a field of a subclass of the declared type; a request cannot change it"
        raise rejected([reason((*names, part), "read_only", message)])
    if part in here or record.open:
        return part, declared(record, hint, part)
    raise missing(names, part, record.fields)


def _clear(holder: Any, key: object, record: Record | None, hint: TypeHint) -> None:
    """Apply a null of a merge patch: store None if the field or its type allows it, else remove the key."""
    if isinstance(holder, list) or allows_none(hint):
        holder[key] = None
    elif record is not None and key in record.fields and key not in record.removable:
        holder[key] = None  # a validator may accept it; if not, the error says that null is not allowed
    else:
        holder.pop(key, None)


def _unknown(path: Path, record: Record | None) -> FieldError:
    meant = did_you_mean(path[-1], record.fields) if record is not None else ""
    return reason(path, "unknown_field", f"there is no such field{meant}")


def misnamed(kind: type[BaseModel], body: JSON) -> list[FieldError]:
    """Return an error for each name in a new value that its type does not have, and for each import path."""
    draft = Draft(kind, {}, {}, {})
    draft.apply(Operation("put", (), body))
    named = [each for each in draft.errors if each["type"] == "unknown_field"]
    named += [each for each in intruders(kind, draft.document) if each["type"] == "read_only"]

    def validate(document: JSON) -> BaseModel | None:
        return outcome(kind, document)[0]

    return named or (draft.without_effect(validate(draft.document), validate) if draft.doubtful else [])


def read_only(path: Path) -> FieldError:
    """Return the error for a computed value."""
    return reason(path, "read_only", "this is computed and cannot be set")
