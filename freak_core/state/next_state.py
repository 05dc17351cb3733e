"""Validates the next state of a live model: only what operations have touched, by the model's own class."""

import traceback
from collections import deque
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import SchemaError

from freak_core.errors import FieldError
from freak_core.interrupts import let_interrupts_through
from freak_core.state import dataclass_fields, validation
from freak_core.state.class_schema import live_validator, validated
from freak_core.state.fields import among, record
from freak_core.state.in_place import reach
from freak_core.state.json_values import ABSENT, PLAIN, Kept, as_plain_json, equal
from freak_core.state.live_values import MARK, LiveValues, Marked, validating
from freak_core.state.validation import reason
from freak_core.state.value_origins import Origin
from freak_core.text.strict_json import JSON

Key = TypeVar("Key", bound=str | int)


def next_state(
    live: BaseModel, old: JSON, new: JSON, origin: Origin
) -> tuple[BaseModel | None, list[FieldError]]:
    """Validate ``new``, a document of the next state. Returns the model, or None and the errors.

    Validators see a copy: its private attributes and all that no operation has touched are those of ``live``.
    What was not touched is not validated.

    Args:
        live: a copy of the live state that validators may change.
        old: its document.
        new: the document that the operations have made of it.
        origin: where each value of ``new`` was in ``old``.
    """
    kind = type(live)
    if not isinstance(live, RootModel) and not (isinstance(old, dict) and isinstance(new, dict)):
        return validation.outcome(kind, new)
    try:
        live_validator(kind)
    except (TypeError, KeyError, SchemaError):  # the class has made its schema itself
        return validation.outcome(kind, new)
    values = LiveValues()
    marked = _Marks(values, live).model(live, old, new, origin)
    converted: list[FieldError] = []
    try:
        with validating(values):
            try:
                model = validated(kind, marked)
            except ValidationError as error:
                if not validation.lacks_only_types(error):
                    raise
                values.strict = False
                values.forget_results()
                model = validated(kind, marked, strict=False)
                converted = list(validation.coerced(new, model))
            left = values.left_in(model, live)
    except ValidationError as error:
        return None, validation.field_errors(kind, new, error)
    except BaseException as error:  # noqa: BLE001  validators are user code
        let_interrupts_through(error)
        message = f"{_where(error)} failed with {type(error).__name__}"
        return None, [reason((), "validator_error", message)]
    if left is not None:
        message = "an object of the program lies in this value, and its type does not let it be kept"
        return None, [reason(left, "read_only", message)]
    return (None, converted) if converted else (model, [])


class _Marks:
    """Puts tokens and marks into a document, where it agrees with that of the live state."""

    def __init__(self, values: LiveValues, root: BaseModel) -> None:
        self._values = values
        self._root = root

    def model(self, live: BaseModel, old: Any, new: Any, origin: Origin) -> Marked:
        token = self._values.token(live, lambda: as_plain_json(old))
        if isinstance(live, RootModel):
            return {MARK: token, "root": self.value(live.root, old, new, origin)}
        held = {**live.__dict__, **(live.model_extra or {})}
        tags = getattr(record(type(live)), "tags", {})  # a union is told apart by their plain values
        marked = {
            name: value if among(value, tags.get(name, ())) else self._child(held, old, value, name, origin)
            for name, value in new.items()
        }
        for name in held.keys() & type(live).model_fields.keys() - old.keys() - new.keys():  # no JSON form
            marked[name] = self._values.token(held[name], lambda: ABSENT)
        self._values.left_out[token] = {name for name in old if name not in new}
        return {MARK: token, **marked}

    def _dataclass(self, live: Any, old: Any, new: Any, origin: Origin) -> dict[str, Any]:
        token = self._values.token(live, lambda: as_plain_json(old))
        held = dataclass_fields.contents(live)
        tags = getattr(record(live.__class__), "tags", {})
        marked = {
            name: value if among(value, tags.get(name, ())) else self._child(held, old, value, name, origin)
            for name, value in new.items()
        }
        return {MARK: token, **marked}

    def _child(
        self, live: Mapping[Key, object], old: Mapping[Key, JSON], new: JSON, key: Key, origin: Origin
    ) -> object:
        """Return what is at ``key`` of ``new``; what was there before may have been elsewhere."""
        if origin.stays(key):
            return self.value(live.get(key, ABSENT), old.get(key, ABSENT), new, origin.child(key))
        was = origin.child(key)
        there: object = ABSENT if was.path is None else reach(self._root, was.path)
        return self.value(there, ABSENT if there is ABSENT else was.live, new, was)

    def value(  # noqa: PLR0911  one return per kind of value
        self, live: object, old: JSON, new: JSON, origin: Origin
    ) -> object:
        if isinstance(new, Kept):
            return self._values.token(new.live, lambda: as_plain_json(new.form))
        if live is ABSENT or old is ABSENT:
            return self._inside(new)
        if not origin.moved and equal(old, new):
            return self._values.token(live, lambda: as_plain_json(old))
        if isinstance(live, BaseModel) and self._is_next(live, old, new):
            return self.model(live, old, new, origin)
        if dataclass_fields.is_instance(live) and self._is_next(live, old, new):
            return self._dataclass(live, old, new, origin)
        if (
            isinstance(live, dict)
            and isinstance(old, dict)
            and isinstance(new, dict)
            and len(live) == len(old)
        ):
            held = dict(zip(old, live.values(), strict=True))
            return {key: self._item(held, old, each, key, origin) for key, each in new.items()}
        if isinstance(live, list | tuple | deque) and isinstance(old, list) and isinstance(new, list):
            if len(live) != len(old):
                return self._inside(new)
            # A huge integer is plain, and in a document it is kept.
            plain = PLAIN.issuperset(set(map(type, live))) and Kept not in set(map(type, new))
            if not origin.moved and plain:
                return new
            items, before = dict(enumerate(live)), dict(enumerate(old))
            return [self._item(items, before, each, i, origin) for i, each in enumerate(new)]
        return self._inside(new)

    def _inside(self, new: JSON) -> object:
        """Return a new value with tokens in the place of objects that it took over from elsewhere."""
        if isinstance(new, Kept):
            return self.value(ABSENT, ABSENT, new, Origin(None))
        if isinstance(new, dict):
            return {key: self._inside(each) for key, each in new.items()}
        return list(map(self._inside, new)) if isinstance(new, list) else new

    def _item(
        self, live: Mapping[Key, object], old: Mapping[Key, JSON], new: JSON, key: Key, origin: Origin
    ) -> object:
        plain = type(live.get(key)) in PLAIN and not isinstance(new, Kept) and origin.stays(key)
        return new if plain else self._child(live, old, new, key, origin)

    def _is_next(self, live: Any, old: object, new: object) -> bool:
        """Whether ``new`` is the next state of ``live``, not another member of a union."""
        if isinstance(live, RootModel):
            return True
        fields = record(live.__class__)
        if fields is None or not isinstance(old, dict) or not isinstance(new, dict):
            return False
        known = {name: value for name, value in new.items() if not equal(old.get(name, ABSENT), value)}
        return fields.misfit(known) == (0, 0)


def _where(error: BaseException) -> str:
    here = str(File(__file__).parent)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(here):
            return f"the validator {frame.f_code.co_qualname}"
    return "a validator of the program"
