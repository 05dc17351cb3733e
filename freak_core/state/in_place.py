"""Writes a validated state into the live objects, which keep their identity."""

import dataclasses
import functools
import inspect
import logging
import math
import operator
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, RootModel

from freak_core.errors import FieldError
from freak_core.state import dataclass_fields
from freak_core.state.json_values import ABSENT, inside, json_key
from freak_core.state.list_items import made_of
from freak_core.state.raw_writes import write_keys
from freak_core.state.validation import reason
from freak_core.state.value_origins import Origin
from freak_core.text.paths import Path
from freak_core.text.strict_json import JSON

logger: logging.Logger = logging.getLogger("freak")

_Dict: TypeAlias = dict[Any, object]  # the keys of a program's dict may be of any type


def planned(
    model: BaseModel, baseline: BaseModel | None, new: BaseModel, draft: JSON, origin: Origin
) -> "Plan":
    """Return the writes that turn ``model`` into ``new``. Nothing is written yet.

    Args:
        model: the live state.
        baseline: ``model``, validated without the operations; None where it is not valid.
        new: the state to reach.
        draft: the document that ``new`` was validated from.
        origin: where each value of the draft was in the live state.
    """
    plan = Plan(model, baseline, origin)
    if origin.moved or not same(baseline, new):
        plan.model(model, baseline, new, _Spot((), draft, origin))
    return plan


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place in the new state: its path, its value in the draft, and where that value was before."""

    path: Path
    draft: JSON
    origin: Origin

    def inside(self, key: str | int) -> "_Spot":
        return _Spot((*self.path, str(key)), inside(self.draft, key), self.origin.child(key))


class Plan:
    """Collects the writes that turn the live state into the new one.

    Every method compares three values: the live one, the baseline (the live one after validation) and the new
    one. It returns the object to store.

    Args:
        root, baseline: the live state, and the live state after validation.
        origin: where each value of the new state was in the live one.

    Attributes:
        writes: functions to call in order. None of them runs user code.
        refused: an error for each frozen field that would change, and each deque that would be too long.
        touched: each live object that is written into, with the names or keys; None for a list.
    """

    def __init__(self, root: BaseModel, baseline: BaseModel | None, origin: Origin) -> None:
        self.root = root
        self.baseline = baseline
        self._origin = origin
        self.writes: list[Callable[[], None]] = []
        self.refused: list[FieldError] = []
        self.touched: list[tuple[object, Sequence[object] | None]] = []

    def settle(  # noqa: PLR0911  one return per kind of value
        self, live: object, base: object, new: object, spot: _Spot
    ) -> object:
        """Plan the writes for the value at a spot."""
        moved = not isinstance(new, set | frozenset) and spot.origin.moved
        if not moved and (same(base, new) or same(live, new)):
            return live
        if isinstance(new, BaseModel):
            before = base if isinstance(base, BaseModel) else None
            if isinstance(live, BaseModel) and _adopts(live, before, new):
                return self.model(live, before, new, spot)
            if isinstance(live, BaseModel) and type(live) is type(new):
                self._frozen_model(live, before, new, spot)
            return new
        if isinstance(live, dict) and isinstance(new, dict) and type(new) in (dict, type(live)):
            return self._dict(live, base if isinstance(base, dict) else {}, new, spot)
        if isinstance(live, list) and isinstance(new, list) and type(new) in (list, type(live)):
            return self._list(live, base if isinstance(base, list) else [], new, spot)
        if (
            isinstance(live, tuple)
            and isinstance(new, list | tuple)
            and type(new) in (list, tuple, type(live))
        ):
            return self._tuple(live, base if isinstance(base, tuple) else (), new, spot)
        if isinstance(live, deque) and isinstance(new, list | deque):
            return self._deque(live, base, new, spot)
        if isinstance(live, set | frozenset) and type(new) is list:
            return _set_of(live, new)
        if dataclass_fields.is_instance(live) and type(live) is type(new):
            return self._dataclass(live, base, new, spot)
        return new

    def _frozen_model(self, live: BaseModel, base: BaseModel | None, new: BaseModel, spot: _Spot) -> None:
        """Plan what a new value takes over from a frozen ``live``: what has not changed, and attributes."""
        values = {}
        for name, value in new.__dict__.items():
            both = live.__dict__.get(name, ABSENT), _attribute(base, name)
            if isinstance(new, RootModel):
                values[name] = self.settle(*both, value, spot)
            else:
                values[name] = self.settle(*self._moved(spot.origin, name, *both), value, spot.inside(name))
        self.writes.append(functools.partial(new.__dict__.update, values))
        self.writes.append(functools.partial(_attach, new, live))

    def _tuple(
        self, live: tuple[object, ...], base: tuple[object, ...], new: Sequence[object], spot: _Spot
    ) -> object:
        """Plan the writes for what is inside a tuple; another tuple is needed only for another item.

        Where a type says only that this is a sequence, validation has made a list: JSON has no tuples.
        """
        items = self._items(live, base, new, spot)
        if len(items) == len(live) and all(one is other for one, other in zip(items, live, strict=True)):
            return live
        if hasattr(live, "_make"):
            return live._make(items) if len(items) == len(live) else new
        return tuple(items)

    def _deque(
        self, live: deque[object], base: object, new: Sequence[object] | deque[object], spot: _Spot
    ) -> deque[object]:
        """Plan the writes for what is inside a deque, which is replaced by one of the same length."""
        items = self._items(tuple(live), tuple(base) if isinstance(base, deque) else (), tuple(new), spot)
        most = getattr(new, "maxlen", None) or live.maxlen
        if most is not None and len(items) > most:
            message = f"this holds at most {most} items, not {len(items)}: it is a deque with a maxlen"
            self.refused.append(reason(spot.path, "too_long", message))
        return deque(items, most)

    def _dataclass(self, live: object, base: object, new: object, spot: _Spot) -> object:
        """Plan the writes for a dataclass, which keeps its identity and what else is attached to it.

        A frozen one is replaced: what is inside is written into the new one.
        """
        keeps = dataclass_fields.can_be_written(live)
        held, fresh = dataclass_fields.contents(live), dataclass_fields.contents(new)
        before = dataclass_fields.contents(base) if type(base) is type(new) else {}
        values: dict[str, object] = {}
        for name in dataclass_fields.names(type(new)):
            old, value, first = (each.get(name, ABSENT) for each in (held, fresh, before))
            if value is not ABSENT and not (spot.origin.unmoved(name) and same(first, value)):
                both = self._moved(spot.origin, name, old, first)
                values[name] = self.settle(*both, value, spot.inside(name))
        if keeps:
            self.touched.append((live, list(values)))
        into = live if keeps else new
        self.writes.append(functools.partial(dataclass_fields.write, into, values))
        return into

    def model(self, live: BaseModel, base: BaseModel | None, new: BaseModel, spot: _Spot) -> BaseModel:
        """Plan the writes for a model that keeps its identity."""
        values = {}
        by_default = set(type(new).model_fields) - new.model_fields_set
        by_default -= base.model_fields_set if base is not None else set(type(new).model_fields)
        for name, field in type(new).model_fields.items():
            old, before = live.__dict__.get(name, ABSENT), _attribute(base, name)
            value = new.__dict__.get(name, ABSENT)
            unmoved = not spot.origin.moved if isinstance(new, RootModel) else spot.origin.unmoved(name)
            # A value without a JSON form (a lock, a callable) was not read. Its default must not replace it.
            unread = name in by_default and inside(spot.draft, name) is ABSENT
            if (unread and not isinstance(new, RootModel)) or (
                unmoved and (same(before, value) or same(old, value))
            ):
                continue
            if field.frozen:
                self.refused.append(reason((*spot.path, name), "frozen", "this field is frozen"))
            if isinstance(new, RootModel):
                values[name] = self.settle(old, before, value, spot)
            else:
                both = self._moved(spot.origin, name, old, before)
                values[name] = self.settle(*both, value, spot.inside(name))
        self._extra(live, base, new, spot)
        self.touched.append((live, list(values)))
        self.writes.append(functools.partial(_write, live, values, _private(live, base, new)))
        return live

    def _moved(self, origin: Origin, key: str | int, live: object, base: object) -> tuple[object, object]:
        """Return the live value and its baseline for a key: those of another place if the value has moved."""
        if origin.stays(key):
            return live, base
        path = origin.child(key).path
        if path is None or self._is_there_too(path):
            return ABSENT, ABSENT
        return reach(self.root, path), reach(self.baseline, path)

    def _is_there_too(self, path: Path) -> bool:
        """Whether a value that has moved was put back at its old place, too."""
        origin = self._origin
        for part in path:
            key = int(part) if isinstance(origin.live, list) else part
            if not origin.stays(key):
                return False
            origin = origin.child(key)
        return True

    def _extra(self, live: BaseModel, base: BaseModel | None, new: BaseModel, spot: _Spot) -> None:
        fresh: _Dict | None = getattr(new, "__pydantic_extra__", None)
        if fresh is not None:
            held = live.model_extra
            if held is None:
                held = {}
                self.writes.append(functools.partial(object.__setattr__, live, "__pydantic_extra__", held))
            self._dict(held, (base.model_extra or {}) if base is not None else {}, fresh, spot)

    def _dict(self, live: _Dict, base: _Dict, new: _Dict, spot: _Spot) -> _Dict:
        settled: _Dict = {}
        # Where a type does not say what the keys are, validation makes texts of them.
        names = {} if all(type(key) is str for key in live) else {json_key(key): key for key in live}
        for given, value in new.items():
            name = json_key(given)
            key = given if given in live else names.get(name, given)
            both = self._moved(spot.origin, name, live.get(key, ABSENT), base.get(key, ABSENT))
            settled[key] = self.settle(*both, value, spot.inside(name))
        if any(type(key) is not str for key in new) and isinstance(spot.draft, dict):
            told = set(map(json_key, (*live, *new)))
            message = "this is another spelling of a key that is there; readers see how it is spelt"
            lost = [name for name in spot.draft if name not in told]
            self.refused += [reason((*spot.path, name), "same_key", message) for name in lost]
        gone = [key for key in base or live if key not in settled]
        news = {key: value for key, value in settled.items() if live.get(key, ABSENT) is not value}
        if gone or news:
            self.touched.append((live, [*gone, *news]))
            self.writes.append(functools.partial(write_keys, live, news, gone))
        return live

    def _list(self, live: list[object], base: list[object], new: list[object], spot: _Spot) -> list[object]:
        items = self._items(live, base, new, spot)
        known = len(base) if base else len(live)
        if len(items) != known or any(one is not other for one, other in zip(items, live, strict=False)):
            # What the program appends meanwhile stays behind the items of the request.
            self.touched.append((live, None))
            self.writes.append(functools.partial(list.__setitem__, live, slice(known), items))
        return live

    def _items(
        self, live: Sequence[object], base: Sequence[object], new: Sequence[object], spot: _Spot
    ) -> list[object]:
        """Plan the writes for the items of a list or tuple, and return the objects to store."""
        settled: list[object] = []
        baselines = {at: base[i] for i, at in enumerate(made_of(spot.origin.live, base)) if at is not None}
        for value, at in zip(new, made_of(spot.draft, new), strict=True):
            if at is None:
                settled.append(value)
                continue
            here = live[at] if at < len(live) else ABSENT
            old, before = self._moved(spot.origin, at, here, baselines.get(at, ABSENT))
            if spot.origin.unmoved(at) and same(before, value):
                settled.append(old)
                continue
            inner = spot.inside(at)
            trial = Plan(self.root, self.baseline, self._origin)
            kept = trial.settle(old, before, value, inner)
            if trial.refused and not inner.origin.named:
                kept = value  # the list was replaced: this is another item, not a change of a frozen one
            else:
                self.writes += trial.writes
                self.refused += trial.refused
                self.touched += trial.touched
            settled.append(kept)
        return settled


def reach(value: object, path: Path) -> object:
    """Return the object at a path of the document that was made of ``value``; ABSENT if there is none."""
    for part in path:
        while isinstance(value, RootModel):
            value = value.root
        if isinstance(value, BaseModel):
            value = {**value.__dict__, **(value.model_extra or {})}.get(part, ABSENT)
        elif isinstance(value, dict):
            others = (each for key, each in value.items() if json_key(key) == part)
            value = value[part] if part in value else next(others, ABSENT)
        elif isinstance(value, list | tuple | deque):
            value = value[int(part)] if part.isdecimal() and int(part) < len(value) else ABSENT
        else:
            value = dataclass_fields.contents(value).get(part, ABSENT)
    return value


def _set_of(live: set[object] | frozenset[object], new: list[object]) -> object:
    """Return a set of the items; the list if they do not fit into one."""
    try:
        items = type(live)(new)
    except Exception:  # noqa: BLE001  __hash__ is user code
        return new
    return items if len(items) == len(new) else new


def _adopts(live: BaseModel, base: BaseModel | None, new: BaseModel) -> bool:
    """Whether ``live`` keeps its identity and takes the values of ``new``. A frozen model is replaced."""
    if new.model_config.get("frozen"):
        return False
    if base is not None:
        return type(base) is type(new) and isinstance(live, type(new))
    return type(live) is type(new)


def _attribute(model: BaseModel | None, name: str) -> object:
    return ABSENT if model is None else model.__dict__.get(name, ABSENT)


def _private(live: BaseModel, base: BaseModel | None, new: BaseModel) -> dict[str, object]:
    """Return the private attributes that a validator changed. What the program stored there stays."""
    held, old, fresh = (getattr(each, "__pydantic_private__", None) or {} for each in (live, base, new))
    return {
        name: value
        for name, value in fresh.items()
        if name in old and same(held.get(name, ABSENT), old[name]) and not same(old[name], value)
    }


def _attach(new: BaseModel, live: BaseModel) -> None:
    """Give a model that takes the place of ``live`` the private attributes of it."""
    if live.__pydantic_private__ is not None:
        object.__setattr__(new, "__pydantic_private__", dict(live.__pydantic_private__))


def _write(live: BaseModel, values: dict[str, object], private: dict[str, object]) -> None:
    live.__dict__.update(values)
    for name in [name for name in live.__dict__ if _is_cached(type(live), name)]:
        del live.__dict__[name]  # it was computed from the old values
    live.__pydantic_fields_set__.update(values)
    held = getattr(live, "__pydantic_private__", None)
    if private and held is not None:
        held.update(private)
    if "_sa_instance_state" in live.__dict__:
        _tell_database_layer(live, values)


def _is_cached(kind: type[BaseModel], name: str) -> bool:
    return isinstance(inspect.getattr_static(kind, name, None), functools.cached_property)


def _tell_database_layer(row: BaseModel, values: dict[str, object]) -> None:
    """Let SQLAlchemy know which columns of a row it has to save: it watches only assignments."""
    try:
        attributes = sys.modules["sqlalchemy.orm.attributes"]
        for name in values:
            attributes.flag_modified(row, name)
    except Exception:
        logger.exception("the database layer was not told that %s changed", ", ".join(values))


def same(one: object, other: object) -> bool:
    """Whether two values have the same type and are equal, NaN included. Never raises."""
    try:
        return _alike(one, other)
    except RecursionError:
        return False


def _alike(one: object, other: object) -> bool:  # noqa: PLR0911  one return per kind of value
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseModel) and isinstance(other, BaseModel):
        fields = type(one).model_fields
        both = ({name: each.__dict__.get(name) for name in fields} for each in (one, other))
        return same(*both) and same(one.model_extra, other.model_extra)
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and type(one) in (list, tuple):
        # Copies share their items: to see that takes a fraction of the time.
        return len(one) == len(other) and (all(map(operator.is_, one, other)) or all(map(same, one, other)))
    if dataclasses.is_dataclass(one):
        return all(
            same(getattr(one, each.name, None), getattr(other, each.name, None))
            for each in dataclasses.fields(one)
        )
    try:
        nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
        return nan or bool(one == other)
    except Exception:  # noqa: BLE001  __eq__ is user code
        return False
