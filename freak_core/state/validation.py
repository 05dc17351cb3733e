"""Validation of a state given as JSON, by the model's own class, and the reasons for a refusal."""

import functools
import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, RootModel, ValidationError

from freak_core.errors import FieldError, Rejected
from freak_core.paths import ABSENT, Path, to_pointer
from freak_core.state.fields import names_collide, pick
from freak_core.state.type_hints import MASK, is_secret, item, mapping_value

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
_PLAIN: Final = {bool: (bool,), int: (int, float), float: (float,), str: (str,)}  # what each may be taken as


def outcome(kind: type[BaseModel], state: Any) -> tuple[BaseModel | None, list[FieldError]]:
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
            coerced = list(_coerced(state, model))
            if coerced:
                return None, coerced
    except ValidationError as error:
        return None, _field_errors(kind, state, error)
    except Exception as error:  # noqa: BLE001  validators are user code
        message = f"a validator of the program failed with {type(error).__name__}"
        return None, [reason((), "validator_error", message)]
    if not isinstance(model, kind):
        return None, [reason((), "validator_error", f"a validator returned {type(model).__name__}")]
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


def _coerced(given: Any, taken: Any, path: Path = (), *, unchecked: bool = False) -> Iterator[FieldError]:
    """Yield what lax validation made of another type: ``"4"`` or true taken as a number, 2.0 as an integer.

    Only inside tuples and sets: strict validation stops at them, and has checked all the rest.
    """
    taken = taken.root if isinstance(taken, RootModel) else taken
    if isinstance(given, dict):
        held = taken if isinstance(taken, dict) else getattr(taken, "__dict__", {})
        for key in [key for key in given if key in held]:
            yield from _coerced(given[key], held[key], (*path, key), unchecked=unchecked)
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        unchecked = unchecked or isinstance(taken, tuple)
        for i, (one, other) in enumerate(zip(given, taken, strict=False)):
            yield from _coerced(one, other, (*path, str(i)), unchecked=unchecked)
    elif isinstance(given, list) and isinstance(taken, set | frozenset):
        for i, each in enumerate(given):
            found = [list(_coerced(each, other, (*path, str(i)), unchecked=True)) for other in taken]
            yield from found[0] if found and all(found) else ()
    elif unchecked and {type(given), type(taken)} <= _PLAIN.keys() and type(taken) not in _PLAIN[type(given)]:
        kind = type(taken).__name__
        yield reason(path, f"{kind}_type", f"this must be of type {kind}, not {type(given).__name__}")


def _field_errors(kind: type[BaseModel], state: Any, error: ValidationError) -> list[FieldError]:
    found: dict[tuple[str, str, str], FieldError] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path, value, secret = _place(kind, state, each["loc"])
        message = each["msg"]
        if value is None and each["type"] not in ("missing", "value_error", "assertion_error"):
            message = f"null is not allowed here: {message}"
        if secret and value not in (ABSENT, None, ""):
            message = message.replace(str(value), MASK)
        why = reason(path, each["type"], message)
        found[why["path"], why["type"], why["message"]] = why
    return list(found.values())


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
            here, part = here.get(name, ABSENT), name  # noqa: PLW2901
        else:
            continue
        path = (*path, str(part))
    return path, here, is_secret(annotation)


def reason(path: Path, kind: str, message: str) -> FieldError:
    """Return one reason for a refusal."""
    return FieldError(path=to_pointer(path), type=kind, message=message)


def rejected(errors: list[FieldError], *, stale: bool = False) -> Rejected:
    """Return the refusal for ``errors``; ``stale`` where the state had them before the change."""
    if stale:
        detail = (
            "The program's current state is itself not valid, so no change can be checked; repair it too."
        )
        return Rejected(detail, errors=errors)
    return Rejected("The change is not valid, and nothing was changed.", errors=errors)
