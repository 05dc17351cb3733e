"""The state as JSON: ``public`` for readers, ``document`` for validation."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, RootModel
from pydantic_core import to_jsonable_python

from freak_core.errors import FieldError
from freak_core.paths import ABSENT
from freak_core.state.type_hints import SECRETS
from freak_core.state.validation import outcome
from freak_core.strict_json import JSON, writable

_UNKNOWN: Final = "\0unknown"  # stands for an object that has no JSON form


def public(model: BaseModel) -> dict[str, JSON]:
    """Return the state for readers: by field names, with computed fields, secrets masked. Never raises."""
    seen = _dump(model, lambda value: f"<{type(value).__name__}>", None)
    return cast(dict[str, JSON], writable(seen))


def document(model: BaseModel) -> dict[str, JSON]:
    """Return the state by field names, in a form that validates back. It holds secrets: never show it.

    A value without a JSON form, such as a callable, is left out.
    """
    return document_and_outcome(model)[0]


def document_and_outcome(model: BaseModel) -> tuple[dict[str, JSON], BaseModel | None, list[FieldError]]:
    """Return the ``document`` and the result of its validation, as ``validation.outcome`` returns it."""
    dumped = _dump(model, lambda _: _UNKNOWN, ABSENT, round_trip=True)
    exact = reveal(model, dumped, exact=True)
    valid, errors = outcome(type(model), exact)
    if valid is None:
        # A field may accept another form than it holds, such as "3 kB" for 3000: use its serializer's.
        serialized = reveal(model, dumped, exact=False)
        read, _ = outcome(type(model), serialized)
        if read is not None:
            return cast(dict[str, JSON], serialized), read, []
    return cast(dict[str, JSON], exact), valid, errors


def _dump(model: BaseModel, fallback: Callable[[Any], str], failed: JSON, *, round_trip: bool = False) -> Any:
    """Serialize by field names. A field whose serializer raises becomes ``failed``."""

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


def reveal(  # noqa: PLR0911  one return per kind of value
    live: Any, dumped: Any, *, exact: bool, bytes_mode: Literal["utf8", "base64"] = "utf8"
) -> Any:
    """Return ``live`` as JSON that validates back, or ``ABSENT``.

    ``dumped`` is the output of its serializer. With ``exact``, numbers and texts are taken from ``live``: a
    serializer may round.
    """
    again = functools.partial(reveal, exact=exact, bytes_mode=bytes_mode)
    if isinstance(live, RootModel):
        return again(live.root, dumped)
    if isinstance(live, BaseModel):
        return _reveal_model(live, dumped, exact)
    if dumped is ABSENT or isinstance(live, SECRETS):
        live = live.get_secret_value() if isinstance(live, SECRETS) else live
        dumped = _jsonable(live, bytes_mode)
    if dumped == _UNKNOWN or dumped is ABSENT:
        return ABSENT
    if dataclasses.is_dataclass(live) and isinstance(dumped, dict):
        return {name: again(getattr(live, name, None), value) for name, value in dumped.items()}
    if isinstance(live, Mapping) and isinstance(dumped, dict) and len(live) == len(dumped):
        pairs = zip(live.values(), dumped.items(), strict=True)
        values = {key: again(value, shown) for value, (key, shown) in pairs}
        return ABSENT if ABSENT in values.values() else values
    if (
        isinstance(live, list | tuple | set | frozenset)
        and isinstance(dumped, list)
        and len(live) == len(dumped)
    ):
        items = [again(value, shown) for value, shown in zip(live, dumped, strict=True)]
        return ABSENT if any(each is ABSENT for each in items) else items
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
        # A subclass may have fields that the declared type has not. They are neither shown nor read back.
        declared = own_form or name in shown or field.exclude or getattr(field, "exclude_if", None)
        if declared and name in live.__dict__:
            mode: Any = bytes_mode if bytes_mode in ("utf8", "base64") else "utf8"
            result[name] = reveal(live.__dict__[name], shown.get(name, ABSENT), exact=exact, bytes_mode=mode)
    for name, value in (live.model_extra or {}).items():
        result[name] = reveal(value, shown.get(name, ABSENT), exact=exact)
    return {name: value for name, value in result.items() if value is not ABSENT}


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
        return ABSENT
