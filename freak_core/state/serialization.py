"""The state as JSON: ``public`` for readers, ``document`` for validation."""

import collections
import dataclasses
import functools
import secrets
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, RootModel
from pydantic_core import to_jsonable_python

from freak_core.errors import FieldError
from freak_core.interrupts import let_interrupts_through
from freak_core.state.json_values import ABSENT
from freak_core.state.snapshot import Snapshot
from freak_core.state.type_hints import SECRETS
from freak_core.state.validation import outcome
from freak_core.strict_json import JSON, writable

_UNKNOWN: Final = f"\0{secrets.token_hex(8)} "
"""Begins the text that stands for an object without a JSON form; the name of its type follows."""


class Reading:
    """A state, serialized once, in the forms that readers and validation need.

    Args:
        model: the live state.

    Attributes:
        public: the state for readers: by field names, with computed fields, secrets masked.
        held: what the live objects held just before they were read.
    """

    def __init__(self, model: BaseModel) -> None:
        self.held: Snapshot = Snapshot(model)
        self._model = model
        self._dumped = _dump(model)
        self.public: dict[str, JSON] = cast(dict[str, JSON], _shown(self._dumped))

    def document_and_outcome(self) -> tuple[dict[str, JSON], BaseModel | None, list[FieldError]]:
        """Return the ``document`` and the result of its validation, as ``validation.outcome`` returns it.

        Call it before the model changes.
        """
        model = self._model
        dumped = _dump(model, round_trip=True) if _round_trip_differs(type(model)) else self._dumped
        exact = reveal(model, dumped, exact=True)
        valid, errors = outcome(type(model), exact)
        if valid is None:
            # A field may accept another form than it holds, such as "3 kB" for 3000: use its serializer's.
            serialized = reveal(model, dumped, exact=False)
            read, _ = outcome(type(model), serialized)
            if read is not None:
                return cast(dict[str, JSON], serialized), read, []
        return cast(dict[str, JSON], exact), valid, errors


def public(model: BaseModel) -> dict[str, JSON]:
    """Return the state for readers: by field names, with computed fields, secrets masked. Never raises."""
    return Reading(model).public


def document(model: BaseModel) -> dict[str, JSON]:
    """Return the state by field names, in a form that validates back. It holds secrets: never show it.

    A value without a JSON form, such as a callable, is left out.
    """
    return Reading(model).document_and_outcome()[0]


@functools.lru_cache(maxsize=256)
def _round_trip_differs(kind: type[BaseModel]) -> bool:
    """Whether a value may have another form where it must validate back: ``Json`` is a text then.

    A serializer that takes ``info`` can see the difference too.
    """
    schema = repr(kind.__pydantic_core_schema__)
    return "'type': 'json'" in schema or "'info_arg': True" in schema


def _shown(value: Any) -> Any:
    """Return what was dumped as readers see it; ``ABSENT`` stands for a field whose serializer raised."""
    if isinstance(value, dict):
        return {_shown(key): _shown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner) for inner in value]
    if isinstance(value, str) and value.startswith(_UNKNOWN):
        return f"<{value.removeprefix(_UNKNOWN)}>"
    return None if value is ABSENT else writable(value)


def _dump(model: BaseModel, *, round_trip: bool = False) -> Any:
    """Serialize by field names. A field whose serializer raises becomes ``ABSENT``."""

    def dump(include: set[str] | None) -> Any:
        return type(model).__pydantic_serializer__.to_python(
            model,
            mode="json",
            include=include,
            by_alias=False,
            round_trip=round_trip,
            warnings=False,
            fallback=_unknown,
        )

    try:
        return dump(None)
    except BaseException as error:  # noqa: BLE001  serializers are user code
        let_interrupts_through(error)
        result: dict[str, Any] = {}
    computed = () if round_trip else type(model).model_computed_fields
    for name in [*type(model).model_fields, *(model.model_extra or ()), *computed]:
        try:
            result |= dump({name})
        except BaseException as error:  # noqa: BLE001
            let_interrupts_through(error)
            result[name] = ABSENT
    return result


def _unknown(value: object) -> str:
    return f"{_UNKNOWN}{type(value).__name__}"


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
    if dumped is ABSENT or (isinstance(dumped, str) and dumped.startswith(_UNKNOWN)):
        return ABSENT
    if dataclasses.is_dataclass(live) and isinstance(dumped, dict):
        computed = getattr(getattr(live, "__pydantic_decorators__", None), "computed_fields", ())
        given = {name: value for name, value in dumped.items() if name not in computed}
        return {name: again(getattr(live, name, None), value) for name, value in given.items()}
    if isinstance(live, Mapping) and isinstance(dumped, dict) and len(live) == len(dumped):
        pairs = zip(live.values(), dumped.items(), strict=True)
        values = {key: again(value, shown) for value, (key, shown) in pairs}
        return ABSENT if ABSENT in values.values() else values
    if (
        isinstance(live, list | tuple | set | frozenset | collections.deque)
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
            fallback=_unknown,
        )
    except BaseException as error:  # noqa: BLE001  serializers are user code
        let_interrupts_through(error)
        return ABSENT
