"""Changes of a pydantic model from JSON: proposed and validated as a whole, then committed in place.

A change goes through three stages, and only the last one touches the program's object:

1. ``document``: the model as JSON by field names, secrets included; the operations are applied to it.
2. ``propose``: the result is validated by the model's own class in strict JSON mode, and so is the
   document without the operations. Where the two agree, nothing was asked for.
3. ``commit``: where they differ, the new values are written straight into the ``__dict__`` of the live
   models, so no assignment hook can fail half way. Everything else keeps its Python object.
"""

import copy
import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import to_jsonable_python

from freak_core.errors import FieldError, NotFound, Rejected
from freak_core.paths import Path, did_you_mean, differences, equal, get, index, missing, to_pointer
from freak_core.schema import (
    SECRETS,
    Record,
    allows_none,
    is_secret,
    item,
    mapping_value,
    names_collide,
    pick,
    records,
)
from freak_core.strict_json import JSON, without_nan

MASK: Final = "**********"
_ABSENT: Final[Any] = type("Absent", (), {})()
_UNKNOWN: Final = "\0unknown"  # stands for an object that has no JSON form
_NOT_IN_JSON: Final = frozenset(
    [
        "date_type",
        "datetime_type",
        "time_type",
        "time_delta_type",
        "bytes_type",
        "is_instance_of",
        "complex_type",
        "tuple_type",
        "set_type",
        "frozen_set_type",
    ]
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked for: merge ``body`` at ``path``, put it there, or go back to the initial value."""

    kind: Literal["patch", "put", "reset"]
    path: Path
    body: JSON = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed. ``path`` is a JSON Pointer; a value that was or is not there is None."""

    path: str
    old: JSON
    new: JSON


@dataclass(frozen=True, slots=True)
class Candidate:
    """A validated new state, not yet committed.

    Attributes:
        model: the new state.
        baseline: the state validated without the operations; None where it is not valid.
        paths: where the operations point, by field names.
    """

    model: BaseModel
    baseline: BaseModel | None
    paths: tuple[Path, ...] = ()


def public(model: BaseModel) -> dict[str, JSON]:
    """Return what readers see: by field names, computed fields included, secrets masked. Never raises."""
    seen = _dump(model, lambda value: f"<{type(value).__name__}>", None)
    return cast(dict[str, JSON], without_nan(seen))


def document(model: BaseModel) -> dict[str, JSON]:
    """Return the whole state by field names, secrets revealed. Never show it; it validates back.

    What has no JSON form, such as a callable, is left out.
    """
    dumped = _dump(model, lambda _: _UNKNOWN, _ABSENT, round_trip=True)
    exact = _reveal(model, dumped, exact=True)
    if _outcome(type(model), exact)[0] is None:
        # A field may read another form than it holds, such as "3 kB" for 3000: use what its serializer says.
        serialized = _reveal(model, dumped, exact=False)
        if _outcome(type(model), serialized)[0] is not None:
            return cast(dict[str, JSON], serialized)
    return cast(dict[str, JSON], exact)


def propose(model: BaseModel, operations: Sequence[Operation], initial: dict[str, JSON]) -> Candidate:
    """Validate ``operations``, one after the other, on a copy of ``model``; nothing is changed.

    Args:
        model: the live state.
        operations: what is asked for, validated as a whole.
        initial: a ``document`` of the state taken at the start, to which a reset goes back.

    Raises:
        Rejected: the result is not a valid state; has one error per field.
        NotFound: an operation's path leads nowhere.
    """
    kind = type(model)
    if kind.model_config.get("frozen"):
        raise _rejected([_error((), "frozen", "the state is frozen")])
    current = document(model)
    baseline, old_errors = _outcome(kind, current)
    draft = _Draft(kind, current, initial).applied(operations)
    new, errors = draft.outcome()
    if new is None and draft.ambiguous:  # a union: leftovers of the old variant may be in the way
        fresh = _Draft(kind, current, initial, fresh=True).applied(operations)
        new, fresh_errors = fresh.outcome()
        if not fresh_errors:
            draft = fresh
    if new is None:
        raise _rejected(errors, stale=all(error in old_errors for error in errors))
    candidate = Candidate(new, baseline, tuple(draft.paths))
    frozen = _planned(model, candidate).frozen
    if frozen:
        raise _rejected([_error(path, "frozen", "this field is frozen") for path in frozen])
    return candidate


def commit(model: BaseModel, candidate: Candidate) -> list[Change]:
    """Write ``candidate`` into ``model`` in place and return what changed, as readers see it."""
    plan = _planned(model, candidate)
    before, hidden_before = public(model), _hidden(model)
    for write in plan.writes:
        write()
    return _changes((before, hidden_before), (public(model), _hidden(model)))


def preview(model: BaseModel, candidate: Candidate) -> list[Change]:
    """Return what a commit of ``candidate`` would change, without changing anything."""
    before = candidate.baseline or model
    return _changes((public(before), _hidden(before)), (public(candidate.model), _hidden(candidate.model)))


# The state as JSON


def _dump(model: BaseModel, fallback: Callable[[Any], str], failed: JSON, *, round_trip: bool = False) -> Any:
    """Serialize by field names; a field whose serializer raises becomes ``failed``."""

    def dump(include: set[str] | None) -> Any:
        return type(model).__pydantic_serializer__.to_python(
            model,
            mode="json",
            include=include,
            by_alias=False,
            round_trip=round_trip,
            warnings=False,
            fallback=fallback,
        )

    try:
        return dump(None)
    except Exception:  # noqa: BLE001  serializers are user code
        result: dict[str, Any] = {}
    computed = () if round_trip else type(model).model_computed_fields
    for name in [*type(model).model_fields, *(model.model_extra or ()), *computed]:
        try:
            result |= dump({name})
        except Exception:  # noqa: BLE001
            result[name] = failed
    return result


def _reveal(  # noqa: PLR0911  one return per kind of value
    live: Any, dumped: Any, *, exact: bool, bytes_mode: Literal["utf8", "base64"] = "utf8"
) -> Any:
    """Return ``live`` as JSON that validates back, or ``_ABSENT``.

    ``dumped`` is what its serializer made of it. With ``exact``, plain values are taken as they are, since
    a serializer may round.
    """
    reveal = functools.partial(_reveal, exact=exact, bytes_mode=bytes_mode)
    if isinstance(live, RootModel):
        return reveal(live.root, dumped)
    if isinstance(live, BaseModel):
        return _reveal_model(live, dumped, exact)
    if dumped is _ABSENT or isinstance(live, SECRETS):
        live = live.get_secret_value() if isinstance(live, SECRETS) else live
        dumped = _jsonable(live, bytes_mode)
    if dumped == _UNKNOWN or dumped is _ABSENT:
        return _ABSENT
    if dataclasses.is_dataclass(live) and isinstance(dumped, dict):
        return {name: reveal(getattr(live, name, None), value) for name, value in dumped.items()}
    if isinstance(live, Mapping) and isinstance(dumped, dict) and len(live) == len(dumped):
        pairs = zip(live.values(), dumped.items(), strict=True)
        values = {key: reveal(value, shown) for value, (key, shown) in pairs}
        return _ABSENT if _ABSENT in values.values() else values
    if (
        isinstance(live, list | tuple | set | frozenset)
        and isinstance(dumped, list)
        and len(live) == len(dumped)
    ):
        items = [reveal(value, shown) for value, shown in zip(live, dumped, strict=True)]
        return _ABSENT if any(each is _ABSENT for each in items) else items
    if exact and (live is None or type(live) in (bool, int, float, str)):
        return live
    return dumped


def _reveal_model(live: BaseModel, dumped: Any, exact: bool) -> Any:
    kind = type(live)
    own_form = not isinstance(dumped, dict) or bool(kind.__pydantic_decorators__.model_serializers)
    bytes_mode = kind.model_config.get("val_json_bytes", "utf8")
    shown: dict[str, Any] = {} if own_form else dumped
    result = {}
    for name, field in kind.model_fields.items():
        # A field of a subclass that the annotation does not declare is not shown, and not read back.
        declared = own_form or name in shown or field.exclude or getattr(field, "exclude_if", None)
        if declared and name in live.__dict__:
            mode: Any = bytes_mode if bytes_mode in ("utf8", "base64") else "utf8"
            result[name] = _reveal(
                live.__dict__[name], shown.get(name, _ABSENT), exact=exact, bytes_mode=mode
            )
    for name, value in (live.model_extra or {}).items():
        result[name] = _reveal(value, shown.get(name, _ABSENT), exact=exact)
    return {name: value for name, value in result.items() if value is not _ABSENT}


def _jsonable(value: Any, bytes_mode: Literal["utf8", "base64"]) -> Any:
    try:
        return to_jsonable_python(
            value,
            by_alias=False,
            round_trip=True,
            bytes_mode=bytes_mode,
            inf_nan_mode="constants",
            fallback=lambda _: _UNKNOWN,
        )
    except Exception:  # noqa: BLE001  serializers are user code
        return _ABSENT


# Operations on a document


class _Draft:
    """A document to which operations are applied.

    Attributes:
        paths: where they point, by field names.
        errors: what the client's bodies name that is not there.
        ambiguous: an object was merged where the types allow several; ``fresh`` replaces it instead.
    """

    def __init__(
        self, kind: type[BaseModel], current: JSON, initial: dict[str, JSON], *, fresh: bool = False
    ) -> None:
        self.kind = kind
        self.document = copy.deepcopy(current)
        self.initial = initial
        self.fresh = fresh
        self.paths: list[Path] = []
        self.errors: list[FieldError] = []
        self.ambiguous = False

    def outcome(self) -> tuple[BaseModel | None, list[FieldError]]:
        if self.errors:
            return None, self.errors
        return _outcome(self.kind, self.document)

    def applied(self, operations: Sequence[Operation]) -> "_Draft":
        for operation in operations:
            if operation.path:
                self._apply_inside(operation)
            else:
                self.paths.append(())
                self.document = self._whole(operation)
        return self

    def _whole(self, operation: Operation) -> JSON:
        if operation.kind == "reset":
            return copy.deepcopy(self.initial)
        onto = self.document if operation.kind == "patch" else _ABSENT
        return self._read(self.kind, operation.body, (), onto)

    def _apply_inside(self, operation: Operation) -> None:
        path, holder, record, annotation = self._locate(operation.path)
        self.paths.append(path)
        key: Any = path[-1] if isinstance(holder, dict) else int(path[-1])
        if operation.kind == "reset":
            self._reset(holder, key, record, path)
        elif operation.kind == "patch" and operation.body is None:
            _clear(holder, key, record, annotation)
        else:
            there = key in holder if isinstance(holder, dict) else True
            onto = holder[key] if there and operation.kind == "patch" else _ABSENT
            holder[key] = self._read(annotation, operation.body, path, onto)

    def _locate(self, path: Path) -> tuple[Path, Any, Record | None, Any]:
        """Return ``path`` by field names, what holds its last key, its record and the key's annotation."""
        here: Any = self.document
        holder, record, annotation = here, None, self.kind
        names: Path = ()
        for depth, part in enumerate(path):
            holder = here
            if isinstance(here, list):
                key: Any = index(here, names, part)
                record, annotation = None, item(annotation, key)
            elif isinstance(here, dict):
                record = pick(annotation, here)
                key, annotation = _declared(record, annotation, here, names, part)
                if key not in here and depth + 1 < len(path):
                    raise missing(names, part, here)
            else:
                raise missing(names, part)
            names = (*names, str(key))
            here = here[key] if isinstance(here, list) or key in here else None
        return names, holder, record, annotation

    def _reset(self, holder: Any, key: Any, record: Record | None, path: Path) -> None:
        try:
            holder[key] = copy.deepcopy(get(self.initial, path))
        except NotFound:
            if isinstance(holder, list) or (record is not None and key in record.fields):
                message = "this had no value at the start; reset what contains it"
                raise _rejected([_error(path, "no_initial_value", message)]) from None
            holder.pop(key, None)

    def _read(self, annotation: Any, body: JSON, path: Path, onto: Any = _ABSENT) -> JSON:
        """Return ``body`` by field names; merged onto ``onto`` (RFC 7396) where that is given."""
        if isinstance(body, list):
            return [self._read(item(annotation, i), each, (*path, str(i))) for i, each in enumerate(body)]
        if not isinstance(body, dict):
            return body
        patch = onto is not _ABSENT
        base = onto if patch and isinstance(onto, dict) else {}
        current = pick(annotation, base) if base else None
        record = pick(annotation, body, current)
        if base and len(records(annotation)) > 1:
            self.ambiguous = True
            if self.fresh or record is not current:
                base = {}
        result = dict(base)
        for key, value in (record.by_names(body) if record else body).items():
            place = (*path, key)
            inner = record.fields.get(key, Any) if record else mapping_value(annotation) or Any
            if record and key not in record.fields and self._refused(record, key, place):
                continue
            if patch and value is None:
                _clear(result, key, record, inner)
            else:
                result[key] = self._read(inner, value, place, result.get(key) if patch else _ABSENT)
        return result

    def _refused(self, record: Record, key: str, place: Path) -> bool:
        if key in record.computed:
            self.errors.append(_error(place, "read_only", "this is computed and cannot be set"))
            return True
        if record.checked and not record.open:
            message = f"there is no such field{did_you_mean(key, record.fields)}"
            self.errors.append(_error(place, "unknown_field", message))
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
    if part in record.computed:
        raise _rejected([_error((*names, part), "read_only", "this is computed and cannot be set")])
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


# Validation


def _outcome(kind: type[BaseModel], state: Any) -> tuple[BaseModel | None, list[FieldError]]:
    """Validate ``state``; return the model, or None and why."""
    # Aliases go first in pydantic; the document has names, but a before-validator may return aliases.
    by_alias = not names_collide(kind)
    validate = functools.partial(kind.__pydantic_validator__.validate_json, by_alias=by_alias, by_name=True)
    try:
        text = json.dumps(state)
        try:
            model = validate(text, strict=True)
        except ValidationError as error:
            if not _lacks_only_types(error):
                raise
            model = validate(text, strict=False)
    except ValidationError as error:
        return None, _field_errors(kind, state, error)
    except Exception as error:  # noqa: BLE001  validators are user code
        message = f"a validator of the program failed with {type(error).__name__}"
        return None, [_error((), "validator_error", message)]
    if not isinstance(model, kind):
        return None, [_error((), "validator_error", f"a validator returned {type(model).__name__}")]
    return model, []


def _lacks_only_types(error: ValidationError) -> bool:
    """Whether all that is wrong is that JSON has no dates, tuples and the like.

    Behind a before-validator, pydantic takes JSON for Python objects and wants the very type in strict mode.
    """
    for each in error.errors(include_url=False, include_context=False):
        foreign = each["type"] in _NOT_IN_JSON or each["loc"][-1:] == ("[key]",)
        if not (foreign and isinstance(each["input"], str | list)):
            return False
    return True


def _field_errors(kind: type[BaseModel], state: Any, error: ValidationError) -> list[FieldError]:
    found: list[FieldError] = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path, value, secret = _place(kind, state, each["loc"])
        message = each["msg"]
        if value is None and each["type"] not in ("missing", "value_error", "assertion_error"):
            message = f"null is not allowed here: {message}"
        if secret and value not in (_ABSENT, None, ""):
            message = message.replace(str(value), MASK)
        reason = _error(path, each["type"], message)
        if reason not in found:
            found.append(reason)
    return found


def _place(kind: type[BaseModel], state: Any, loc: tuple[int | str, ...]) -> tuple[Path, Any, bool]:
    """Return path, value and secrecy of what ``loc`` points at, without the names of union members."""
    annotation: Any = kind
    here = state
    path: Path = ()
    for part in loc:
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            annotation, here = item(annotation, part), here[part]
        elif isinstance(here, dict) and isinstance(part, str):
            record = pick(annotation, here)
            name = (record.name(part) if record else None) or part
            if name not in here and not (record and name in record.fields):
                continue
            annotation = record.fields.get(name, Any) if record else mapping_value(annotation) or Any
            here, part = here.get(name, _ABSENT), name  # noqa: PLW2901
        else:
            continue
        path = (*path, str(part))
    return path, here, is_secret(annotation)


def _error(path: Path, kind: str, message: str) -> FieldError:
    return FieldError(path=to_pointer(path), type=kind, message=message)


def _rejected(errors: list[FieldError], *, stale: bool = False) -> Rejected:
    if stale:
        detail = (
            "The program's current state is itself not valid, so no change can be checked; repair it too."
        )
        return Rejected(detail, errors=errors)
    return Rejected("The change is not valid, and nothing was changed.", errors=errors)


# Writing it in place


def _planned(model: BaseModel, candidate: Candidate) -> "_Plan":
    plan = _Plan(candidate.paths)
    baseline = _ABSENT if candidate.baseline is None else candidate.baseline
    if not _same(baseline, candidate.model):
        plan.model(model, baseline, candidate.model, ())
    return plan


class _Plan:
    """Collects the writes that turn the live state into the new one.

    Each step gets the live value, the baseline (what validation makes of the live value) and the new one,
    and returns the object to store.

    Attributes:
        writes: to be called in order; none of them runs user code.
        frozen: the frozen fields that would change.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths = paths
        self.writes: list[Callable[[], None]] = []
        self.frozen: list[Path] = []

    def settle(self, live: Any, base: Any, new: Any, path: Path) -> Any:
        if _same(base, new) or _same(live, new):
            return live
        if isinstance(new, BaseModel):
            return self.model(live, base, new, path) if _adopts(live, base, new) else new
        if type(live) is dict and type(new) is dict:
            before = base if isinstance(base, dict) else {}
            return self._dict(live, before, new, path)
        if type(live) is list and type(new) is list:
            return self._list(live, base if isinstance(base, list) else [], new, path)
        return new

    def model(self, live: BaseModel, base: Any, new: BaseModel, path: Path) -> BaseModel:
        values = {}
        by_default = set(type(new).model_fields) - new.model_fields_set
        by_default -= base.model_fields_set if base is not _ABSENT else set(type(new).model_fields)
        for name, field in type(new).model_fields.items():
            old, before = live.__dict__.get(name, _ABSENT), _attribute(base, name)
            value = new.__dict__.get(name, _ABSENT)
            # What has no JSON form (a lock, a callable) was not read: a fresh default must not replace it.
            if name in by_default or _same(before, value) or _same(old, value):
                continue
            if field.frozen:
                self.frozen.append((*path, name))
            values[name] = self.settle(old, before, value, (*path, name))
        self._extra(live, base, new, path)
        self.writes.append(functools.partial(_write, live, values, _private(live, base, new)))
        return live

    def _extra(self, live: BaseModel, base: Any, new: BaseModel, path: Path) -> None:
        if new.model_extra is not None:
            held = live.model_extra
            if held is None:
                held = {}
                self.writes.append(functools.partial(object.__setattr__, live, "__pydantic_extra__", held))
            self._dict(held, (base.model_extra or {}) if base is not _ABSENT else {}, new.model_extra, path)

    def _dict(self, live: dict[Any, Any], base: Any, new: dict[Any, Any], path: Path) -> dict[Any, Any]:
        settled = {
            key: self.settle(live.get(key, _ABSENT), base.get(key, _ABSENT), value, (*path, str(key)))
            for key, value in new.items()
        }
        self.writes.append(functools.partial(_refill, live, settled))
        return live

    def _list(self, live: list[Any], base: list[Any], new: list[Any], path: Path) -> list[Any]:
        settled = []
        for i, value in enumerate(new):
            inside = (*path, str(i))
            trial = _Plan(self.paths)
            old, before = (each[i] if i < len(each) else _ABSENT for each in (live, base))
            kept = trial.settle(old, before, value, inside)
            if trial.frozen and not any(each[: len(inside)] == inside for each in self.paths):
                kept = value  # the list was replaced: this is another item, not a change of a frozen one
            else:
                self.writes += trial.writes
                self.frozen += trial.frozen
            settled.append(kept)
        self.writes.append(functools.partial(live.__setitem__, slice(None), settled))
        return live


def _adopts(live: Any, base: Any, new: BaseModel) -> bool:
    """Whether ``live`` stays and takes the values of ``new``; a frozen model is a value, replaced whole."""
    if new.model_config.get("frozen"):
        return False
    if isinstance(base, BaseModel):
        return type(base) is type(new) and isinstance(live, type(new))
    return type(live) is type(new)


def _attribute(model: Any, name: str) -> Any:
    return _ABSENT if model is _ABSENT else model.__dict__.get(name, _ABSENT)


def _private(live: BaseModel, base: Any, new: BaseModel) -> dict[str, Any]:
    """Return the private attributes that validators derived anew; what the program put there stays."""
    held = live.__pydantic_private__ or {}
    old = {} if base is _ABSENT else base.__pydantic_private__ or {}
    fresh = (new.__pydantic_private__ or {}).items()
    return {
        name: value
        for name, value in fresh
        if name in old and _same(held.get(name, _ABSENT), old[name]) and not _same(old[name], value)
    }


def _write(live: BaseModel, values: dict[str, Any], private: dict[str, Any]) -> None:
    live.__dict__.update(values)
    for name in [name for name in live.__dict__ if name not in type(live).model_fields]:
        del live.__dict__[name]  # a cached property of the old values
    live.__pydantic_fields_set__.update(values)
    if private and live.__pydantic_private__ is not None:
        live.__pydantic_private__.update(private)


def _refill(live: dict[Any, Any], settled: dict[Any, Any]) -> None:
    live.update(settled)
    for key in [key for key in live if key not in settled]:
        del live[key]


def _same(one: Any, other: Any) -> bool:  # noqa: PLR0911  one return per kind of value
    """Whether two values are of one type and equal, NaN included; never raises."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseModel):
        fields = type(one).model_fields
        both = ({name: each.__dict__.get(name) for name in fields} for each in (one, other))
        return _same(*both) and _same(one.model_extra, other.model_extra)
    if type(one) is dict:
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if dataclasses.is_dataclass(one):
        return all(
            _same(getattr(one, each.name, None), getattr(other, each.name, None))
            for each in dataclasses.fields(one)
        )
    try:
        nan = isinstance(one, float) and math.isnan(one) and math.isnan(other)
        return nan or bool(one == other)
    except Exception:  # noqa: BLE001  __eq__ is user code
        return False


# What changed


def _hidden(value: Any) -> dict[Path, JSON]:
    """Return what readers cannot see, by path: secrets and excluded fields. In lists: under the list."""
    if isinstance(value, SECRETS):
        return {(): repr(value.get_secret_value())}
    if isinstance(value, list | tuple):
        inside = [repr(_hidden(each)) for each in value]
        return {(): list(inside)} if any(each != "{}" for each in inside) else {}
    found: dict[Path, JSON] = {}
    excluded: list[str] = []
    children: dict[Any, Any] = {}
    if isinstance(value, RootModel):
        return _hidden(value.root)
    if isinstance(value, BaseModel):
        excluded = [name for name, field in type(value).model_fields.items() if field.exclude]
        children = value.__dict__ | (value.model_extra or {})
    elif isinstance(value, dict):
        children = value
    elif dataclasses.is_dataclass(value):
        children = {each.name: getattr(value, each.name, None) for each in dataclasses.fields(value)}
    for key, child in children.items():
        if key in excluded:
            found[(key,)] = repr(_reveal(child, _ABSENT, exact=True))
        else:
            found |= {(str(key), *path): hidden for path, hidden in _hidden(child).items()}
    return found


def _changes(before: tuple[JSON, dict[Path, JSON]], after: tuple[JSON, dict[Path, JSON]]) -> list[Change]:
    found = {path: (old, new) for path, old, new in differences(before[0], after[0])}
    for path in {**before[1], **after[1]}:
        old, new = before[1].get(path), after[1].get(path)
        covered = any(path[:depth] in found for depth in range(len(path)))
        if equal(old, new) or covered or (path in found and None in (old, new)):
            continue
        found[path] = (_masked(before[0], path), _masked(after[0], path))
    return [Change(to_pointer(path), *values) for path, values in found.items()]


def _masked(seen: JSON, path: Path) -> JSON:
    try:
        value = get(seen, path)
    except NotFound:
        return MASK
    return value if isinstance(value, list) else MASK
