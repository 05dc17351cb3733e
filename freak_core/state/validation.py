"""Validation of a state given as JSON: what no request may contain, and what the model's class refuses."""

import functools
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Final, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError

from freak_core.errors import FieldError, Rejected
from freak_core.interrupts import let_interrupts_through
from freak_core.state.fields import has_imports, names_collide, pick, records
from freak_core.state.json_values import ABSENT, PLAIN, equal, opened
from freak_core.state.kept_objects import about_value, handed_on, validator
from freak_core.state.type_hints import MASK, TypeHint, is_import, is_secret, item, mapping_value, members
from freak_core.text.paths import Path, to_dots, to_pointer
from freak_core.text.strict_json import JSON

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
_OF_ITEMS: Final = frozenset(["list_type", "tuple_type", "set_type", "frozen_set_type", "deque_type"])
_NEEDS_OBJECT: Final = frozenset(["needs_python_object", "callable_type", "is_instance_of", "is_subclass_of"])
_PLAIN: Final = {
    bool: (bool,),
    int: (int, float),
    float: (float,),
    str: (str,),
}


def outcome(
    kind: type[BaseModel], state: JSON, *, bare: bool = False
) -> tuple[BaseModel | None, list[FieldError]]:
    """Validate ``state`` in strict JSON mode. Returns the model, or None and the errors.

    Args:
        kind: the model's class.
        state: a document; objects kept in it are handed on as they are.
        bare: without the validators of whole models.
    """
    # pydantic prefers aliases. The document has field names, but a before-validator may return aliases.
    by_alias = not names_collide(kind)
    validate = functools.partial(validator(kind, bare=bare).validate_json, by_alias=by_alias, by_name=True)
    try:
        with handed_on(state) as text:
            try:
                model = validate(text, strict=True)
            except ValidationError as error:
                if not lacks_only_types(error):
                    raise
                model = validate(text, strict=False)
                converted = list(coerced(state, model))
                if converted:
                    return None, converted
    except ValidationError as error:
        return None, field_errors(kind, state, error)
    except BaseException as error:  # noqa: BLE001  validators are user code
        let_interrupts_through(error)
        message = f"a validator of the program failed with {type(error).__name__}"
        return None, [reason((), "validator_error", message)]
    if not isinstance(model, kind):
        return None, [reason((), "validator_error", f"a validator returned {type(model).__name__}")]
    return model, []


def lacks_only_types(error: ValidationError) -> bool:
    """Whether the only errors are types that JSON does not have, such as dates and tuples.

    Behind a before-validator, pydantic's strict mode takes JSON values for Python objects and refuses them.
    """
    for each in error.errors(include_url=False, include_context=False):
        if about_value(each["loc"]) is None:
            continue
        foreign = each["type"] in _NOT_IN_JSON or each["loc"][-1:] == ("[key]",)
        if not (foreign and isinstance(each["input"], str | list)):
            return False
    return True


def coerced(given: JSON, taken: object, path: Path = (), *, unchecked: bool = False) -> Iterator[FieldError]:
    """Yield an error for each value that lax validation converted, such as ``"4"`` or true to a number.

    Looks only inside tuples and sets: strict validation has checked everything else.
    """
    taken = taken.root if isinstance(taken, RootModel) else taken
    if isinstance(given, dict):
        held = taken if isinstance(taken, dict) else getattr(taken, "__dict__", {})
        for key in [key for key in given if key in held]:
            yield from coerced(given[key], held[key], (*path, key), unchecked=unchecked)
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        unchecked = unchecked or isinstance(taken, tuple)
        for i, (one, other) in enumerate(zip(given, taken, strict=False)):
            yield from coerced(one, other, (*path, str(i)), unchecked=unchecked)
    elif isinstance(given, list) and isinstance(taken, set | frozenset):
        for i, each in enumerate(given):
            found = [list(coerced(each, other, (*path, str(i)), unchecked=True)) for other in taken]
            yield from found[0] if found and all(found) else ()
    elif unchecked and {type(given), type(taken)} <= _PLAIN.keys() and type(taken) not in _PLAIN[type(given)]:
        kind = type(taken).__name__
        yield reason(path, f"{kind}_type", f"this must be of type {kind}, not {type(given).__name__}")


def field_errors(kind: type[BaseModel], state: JSON, error: ValidationError) -> list[FieldError]:
    """Return one error per field, with its path in ``state``."""
    found: dict[tuple[str, str, str], FieldError] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        location = about_value(each["loc"])
        if location is None:
            continue
        path, value, hint = _place(kind, state, location)
        secret = is_secret(hint)
        message = each["msg"]
        if each["type"] in _NEEDS_OBJECT:
            message = "this is read-only: its value must be an object of the program, which JSON cannot hold"
        if value is None and each["type"] not in ("missing", "value_error", "assertion_error"):
            message = f"null is not allowed here: {message}"
        if secret and value not in (ABSENT, None, ""):
            message = message.replace(str(value), MASK)
        if each["type"] in _OF_ITEMS and isinstance(value, dict) and value:
            message += f"; {next(iter(value))!r} is no index"  # of a path such as layers.size
        if type(value) in PLAIN and value is not None and not secret:
            message += _meant_inside(path, value, hint)
        why = reason(path, each["type"], message)
        found[why["path"], why["type"], why["message"]] = why
    return list(found.values())


def _meant_inside(path: Path, value: JSON, hint: TypeHint) -> str:
    """Return ``; did you mean lr.hold?`` where a single value was given for an object with such a field."""
    near = [
        to_dots((*path, name))
        for record in records(hint)
        for name, inner in record.fields.items()
        if not is_import(inner) and not is_secret(inner) and _accepts(inner, value)
    ]
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


def _accepts(hint: TypeHint, value: JSON) -> bool:
    fitting: dict[type, tuple[type, ...]] = {bool: (bool,), int: (int, float), float: (float,), str: (str,)}
    return any(member in fitting[type(value)] for member in members(hint))


def _place(kind: type[BaseModel], state: JSON, loc: tuple[int | str, ...]) -> tuple[Path, JSON, TypeHint]:
    """Return path, value and type at pydantic's ``loc``, without the names of union members."""
    hint: TypeHint = kind
    here = state
    path: Path = ()
    for part in loc:
        here = opened(here)
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            hint, here = item(hint, part), here[part]
        elif isinstance(here, dict) and isinstance(part, str):
            record = pick(hint, here)
            name = (record.name(part) if record else None) or part
            if name not in here and not (record and name in record.fields):
                continue
            hint = record.fields.get(name, object) if record else mapping_value(hint) or object
            here, part = here.get(name, ABSENT), name  # noqa: PLW2901
        else:
            continue
        path = (*path, str(part))
    return path, here, hint


def as_json(body: object, path: Path) -> JSON:
    """Return a copy of ``body`` as JSON: tuples become lists, and keys strings.

    Raises:
        Rejected: the body contains something that is not JSON.
    """
    try:
        copied: JSON = json.loads(json.dumps(body))
    except (TypeError, ValueError, RecursionError) as error:
        raise rejected([reason(path, "json_type", f"this is not JSON: {error}")]) from None
    return copied


def intruders(kind: type[BaseModel], wanted: JSON, *known: JSON) -> list[FieldError]:
    """Return an error for each import path and each number outside JSON in ``wanted``.

    A value that one of the ``known`` documents has at the same path is allowed: it came from the program.
    """
    found = []
    if has_imports(kind):
        message = "this is read-only: a request cannot name something to import"
        held = [dict(_imports(kind, each)) for each in known]
        found += [reason(path, "read_only", message) for path in _news(dict(_imports(kind, wanted)), held)]
    boundless = dict(_boundless(wanted, known[0] if known else ABSENT))
    if boundless:
        message = "numbers must be finite and fit into a float"
        held = [dict(_boundless(each)) for each in known]
        found += [reason(path, "finite_number", message) for path in _news(boundless, held)]
    return found


def _news(wanted: Mapping[Path, JSON], held: list[dict[Path, JSON]]) -> Iterator[Path]:
    for path, value in wanted.items():
        there = [each[path] for each in held if path in each]
        if not any(equal(each, value) for each in there or [None]):
            yield path


def _imports(
    hint: TypeHint, value: JSON, path: Path = (), *, sure: bool = True
) -> Iterator[tuple[Path, JSON]]:
    """Yield path and value of everything that validation may import.

    ``sure`` is False where several members of a union fit. Then only texts are yielded.
    """
    if is_import(hint) and (sure or isinstance(value, str)):
        yield path, value
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from _imports(item(hint, i), each, (*path, str(i)), sure=sure)
    elif isinstance(value, dict):
        readings = [(record.fields, record.by_names(value)) for record in records(hint)]
        for fields, named in readings:
            for name, each in named.items():
                inner = fields.get(name, object)
                yield from _imports(inner, each, (*path, name), sure=sure and len(readings) == 1)
        for member in members(hint):
            if get_origin(member) is not None and len(get_args(member)) == 2:  # a mapping
                for_key, for_value = get_args(member)
                for key, each in value.items():
                    yield from _imports(for_key, key, (*path, key), sure=sure)
                    yield from _imports(for_value, each, (*path, key), sure=sure)


def _boundless(value: JSON, known: JSON = ABSENT, path: Path = ()) -> Iterator[tuple[Path, JSON]]:
    """Yield path and value of NaN, the infinities, and integers that are infinite as a float.

    What the ``known`` document shares at the same path is left out.
    """
    if value is known:
        return
    if isinstance(value, dict):
        before = known if isinstance(known, dict) else {}
        for key, each in value.items():
            yield from _boundless(each, before.get(key, ABSENT), (*path, key))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _boundless(each, ABSENT, (*path, str(i)))
    elif isinstance(value, int | float) and not abs(value) <= sys.float_info.max:  # also true of NaN
        yield path, value


def reason(path: Path, kind: str, message: str) -> FieldError:
    """Return one reason for a refusal."""
    return FieldError(path=to_pointer(path), type=kind, message=message)


def rejected(errors: list[FieldError], *, stale: bool = False) -> Rejected:
    """Return the refusal for ``errors``. ``stale``: the state had the same errors before the change."""
    if stale:
        detail = "The program's current state is not valid. Correct these fields in the same request."
        return Rejected(detail, errors=errors)
    return Rejected("The change is not valid, and nothing was changed.", errors=errors)
