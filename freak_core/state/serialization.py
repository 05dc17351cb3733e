"""The state as JSON: ``public`` for readers, ``document`` for validation."""

import collections
import contextlib
import dataclasses
import functools
import operator
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, RootModel
from pydantic_core import to_jsonable_python

from freak_core.errors import FieldError
from freak_core.interrupts import let_interrupts_through
from freak_core.state.core_schema import schemas_in
from freak_core.state.json_values import (
    ABSENT,
    DEEPEST,
    PLAIN,
    Fields,
    Kept,
    as_plain_json,
    copied,
    inside,
    kept,
)
from freak_core.state.plain_fields import FieldForms, Forms, PlainFields, Unchanged
from freak_core.state.snapshot import NEVER_CHANGE, Snapshot
from freak_core.state.type_hints import SECRETS
from freak_core.state.validation import outcome
from freak_core.state.validator_copy import validator_copy
from freak_core.text.paths import Path, from_pointer
from freak_core.text.strict_json import JSON, are_writable, too_long, writable

_UNKNOWN: Final = f"\0{secrets.token_hex(8)} "
"""Begins the text that stands for an object without a JSON form; the name of its type follows."""


_MOST_ROUNDS: Final = 20

_PLAIN_DATA: Final = (
    *(bool, int, float, str, type(None)),
    *(dict, list, tuple, set, frozenset, collections.deque),
    *NEVER_CHANGE,
)


class Reading:
    """A state, serialized once, in the forms that readers and validation need.

    Args:
        model: the live state.
        earlier: the state as it was read before. Plain data that has not changed is not serialized again.
        exact: tell 1 from true and 0.0 from -0.0 where plain data may have changed.

    Attributes:
        public: the state for readers: by field names, with computed fields, secrets masked.
        held: what the live objects held just before they were read.
        copy: the live state as it was then; see ``validator_copy``.
    """

    def __init__(self, model: BaseModel, earlier: "Reading | None" = None, *, exact: bool = True) -> None:
        self.held: Snapshot = Snapshot(model, None if earlier is None else earlier.held, exact=exact)
        # The program may change the live objects meanwhile: a copy of them agrees with itself.
        self.copy: BaseModel = validator_copy(model, self.held)
        self._live = model
        self._model = self.copy
        # pydantic would use iterators up.
        self._to_dump: BaseModel = (
            validator_copy(model, self.held, iterators=False) if self.held.has_iterators else self.copy
        )
        self._plain: PlainFields = PlainFields(model, self.held, None if earlier is None else earlier._plain)
        if _round_trip_differs(type(model)):
            self._plain.forget()
        dumped = _dump(self._to_dump, exclude=self._plain.unchanged)
        self._dumped: JSON = self._plain.complete(dumped, None if earlier is None else earlier._dumped)
        self.public: dict[str, JSON] = cast(dict[str, JSON], _shown_fields(self._dumped, self._plain.fields))

    def document_and_outcome(self) -> tuple[JSON, BaseModel | None, list[FieldError]]:
        """Return the state by field names, its validated copy, and why it is not valid.

        A value that does not validate back stands there as ``Kept``: requests leave it as it is. Where only
        the validators of a whole model refuse the state, its copy is validated without them. Call it before
        the model changes.
        """
        kind, dumped = type(self._model), self._dumped
        if _round_trip_differs(kind):
            dumped = _dump(self._to_dump, round_trip=True)
        document = copied(self.document())  # the values that do not validate are replaced in it
        valid, errors = outcome(kind, document)
        serialized = None
        for _ in range(_MOST_ROUNDS):
            if valid is not None:
                break
            if serialized is None:
                serialized = reveal(self._model, dumped, exact=False)
            refused = {from_pointer(each["path"]) for each in errors} - {()}
            if not sum(_keep(self._model, document, serialized, path) for path in refused):
                break
            valid, errors = outcome(kind, document)
        if valid is None:
            valid, _ = outcome(kind, document, bare=True)
        return document, valid, errors

    def for_validators(self) -> BaseModel:
        """Return a copy of the live state that validators may change; the next one does not see it."""
        return validator_copy(self._live, self.held) if _has_validators(type(self._live)) else self.copy

    def document(self, *, exact: bool = True) -> dict[str, JSON]:
        """Return the state by field names, in a form that validates back, with objects kept in it.

        A field may accept another form than it holds, such as ``"3 kB"`` for 3000: with ``exact=False`` it is
        the form of its serializer.
        """
        dumped = self._dumped
        if _round_trip_differs(type(self._model)):
            dumped = _dump(self._to_dump, round_trip=True)
        if isinstance(self._model, RootModel):
            return cast(dict[str, JSON], reveal(self._model, dumped, exact=exact))
        return cast(dict[str, JSON], _reveal_model(self._model, dumped, exact, 0, self._plain.fields))


def _keep(model: BaseModel, document: JSON, serialized: JSON, path: Path) -> bool:
    """Let the live object at ``path``, or else around it, stand in the document. Returns whether it could."""
    live: object = model
    way: list[tuple[Any, Any, object, JSON]] = []
    for part in path:
        key: Any = int(part) if isinstance(document, list) and part.isdecimal() else part
        if isinstance(document, Kept) or inside(document, key) is ABSENT:
            break
        live, serialized = _child(live, document, key), inside(serialized, key)
        way.append((document, key, live, serialized))
        document = inside(document, key)
    for holder, key, there, form in reversed(way):
        if there is not ABSENT and not isinstance(holder[key], Kept):
            # A field may accept another form than it holds, such as "3 kB" for 3000: its serializer's.
            holder[key] = kept(there, as_plain_json(holder[key]) if form is ABSENT else as_plain_json(form))
            return True
    return False


def _child(live: object, shown: Any, key: Any) -> object:
    """Return what is at ``key`` in a live object that a document shows as ``shown``; ``ABSENT`` if unsure."""
    live = live.root if isinstance(live, RootModel) else live
    if isinstance(live, BaseModel):
        return (live.__dict__ | (live.model_extra or {})).get(key, ABSENT)
    if isinstance(live, Mapping):
        return dict(zip(shown, live.values(), strict=False)).get(key, ABSENT)
    if isinstance(live, list | tuple | collections.deque):
        return live[key] if isinstance(key, int) and key < len(live) else getattr(live, str(key), ABSENT)
    return getattr(live, str(key), ABSENT) if dataclasses.is_dataclass(live) else ABSENT


def public(model: BaseModel) -> dict[str, JSON]:
    """Return the state for readers: by field names, with computed fields, secrets masked. Never raises."""
    return Reading(model).public


def document(model: BaseModel) -> dict[str, JSON]:
    """Return the state by field names, in a form that validates back. It holds secrets: never show it.

    A value without a JSON form, such as a callable, is left out.
    """
    return cast(dict[str, JSON], as_plain_json(Reading(model).document_and_outcome()[0]))


def read_only_paths(document: JSON, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of the values in a ``document`` that requests leave as they are."""
    if isinstance(document, Kept):
        yield path
    elif isinstance(document, dict | list):
        for key, each in document.items() if isinstance(document, dict) else enumerate(document):
            yield from read_only_paths(each, (*path, str(key)))


@functools.lru_cache(maxsize=256)
def _round_trip_differs(kind: type[BaseModel]) -> bool:
    """Whether a value may have another form where it must validate back: ``Json`` is a text then.

    A serializer that takes ``info`` can see the difference too.
    """
    return any(each.get("type") == "json" or each.get("info_arg") is True for each in schemas_in(kind))


@functools.lru_cache(maxsize=256)
def _has_validators(kind: type[BaseModel]) -> bool:
    """Whether functions of the program are called when a state is validated."""
    return any(
        str(each.get("type")).startswith("function-") or each.get("custom_init") for each in schemas_in(kind)
    )


def _shown_fields(dumped: JSON, plain: FieldForms) -> Any:
    """Return a model that was dumped as readers see it."""
    if not isinstance(dumped, dict):
        return _shown(dumped)
    shown = {}
    for name, value in dumped.items():
        known = plain.get(name)
        if isinstance(known, Forms):
            shown[name] = known.form("public", functools.partial(_shown, value))
        else:
            shown[_shown(name)] = _shown(value) if known is None else _shown_fields(value, known)
    return shown


def _shown(value: object) -> Any:
    """Return what was dumped as readers see it; ``ABSENT`` stands for a field whose serializer raised."""
    if isinstance(value, dict):
        return {_shown(key): _shown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return value if are_writable(value) else [_shown(inner) for inner in value]
    if isinstance(value, str) and value.startswith(_UNKNOWN):
        return f"<{value.removeprefix(_UNKNOWN)}>"
    return None if value is ABSENT else writable(value)


def _dump(
    model: BaseModel,
    *,
    round_trip: bool = False,
    exclude: "Unchanged | None" = None,
    way: tuple[int, ...] = (),
) -> JSON:
    """Serialize by field names. A field whose serializer raises becomes ``ABSENT``.

    ``way`` has the ids of the objects that ``model`` is in.
    """

    def dump(include: set[str] | None) -> Any:
        return type(model).__pydantic_serializer__.to_python(
            model,
            mode="json",
            include=include,
            exclude=exclude,
            by_alias=False,
            round_trip=round_trip,
            warnings=False,
            fallback=_unknown,
        )

    try:
        whole: JSON = dump(None)
        return whole
    except BaseException as error:  # noqa: BLE001  serializers are user code
        let_interrupts_through(error)
        result: dict[str, JSON] = {}
    computed = () if round_trip else type(model).model_computed_fields
    own = {
        name
        for each in type(model).__pydantic_decorators__.field_serializers.values()
        for name in each.info.fields
    }
    for name in [*type(model).model_fields, *(model.model_extra or ()), *computed]:
        try:
            result |= dump({name})
        except BaseException as error:  # noqa: BLE001
            let_interrupts_through(error)
            held = model.__dict__.get(name, ABSENT)
            result[name] = ABSENT if name in own else _dump_inside(held, round_trip, (*way, id(model)))
    return result


def _dump_inside(  # noqa: PLR0911  one return per kind of value
    value: object, round_trip: bool, way: tuple[int, ...]
) -> JSON:
    """Serialize what ``value`` holds one by one, where some of it raises; ``ABSENT`` for a single value."""
    if value is ABSENT:  # a computed field; as an Enum, ABSENT itself would be serialized as its value
        return ABSENT
    if id(value) in way or len(way) >= DEEPEST:  # an object that contains itself
        return _unknown(value)
    again = functools.partial(_dump_inside, round_trip=round_trip, way=(*way, id(value)))
    shown = _jsonable(value, "utf8")
    if shown is not ABSENT:
        return shown
    if isinstance(value, BaseModel):
        return _dump(value, round_trip=round_trip, way=way)
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: again(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [again(each) for each in value]
    return _unknown(value)


def _unknown(value: Any) -> float | str:
    """Return a number for a NumPy or torch scalar, else the text that stands for an object."""
    with contextlib.suppress(Exception):  # the object is the program's
        # Reading a number from another device would wait for it.
        if getattr(value, "ndim", None) == 0 and "cpu" in str(getattr(value, "device", "cpu")).lower():
            number = value.item()
            if type(number) in (bool, int, float):
                return cast(float, number)
    return f"{_UNKNOWN}{type(value).__name__}"


def reveal(  # noqa: PLR0911  one return per kind of value
    live: object,
    dumped: JSON,
    *,
    exact: bool,
    bytes_mode: Literal["utf8", "base64"] = "utf8",
    depth: int = 0,
) -> JSON:
    """Return ``live`` as JSON that validates back, with each object that is not plain data as ``Kept``.

    ``dumped`` is the output of its serializer. With ``exact``, numbers and texts are taken from ``live``: a
    serializer may round.
    """
    if isinstance(live, RootModel):
        root = reveal(live.root, dumped, exact=exact, bytes_mode=bytes_mode, depth=depth)
        return kept(live, root.form, partial=root.partial) if isinstance(root, Kept) else root
    unknown = isinstance(dumped, str) and dumped.startswith(_UNKNOWN)
    if unknown or depth >= DEEPEST or isinstance(live, Iterator):  # to read an iterator would use it up
        return kept(live)
    if isinstance(live, BaseModel):
        return _reveal_model(live, dumped, exact, depth)
    if dumped is ABSENT or isinstance(live, SECRETS):
        dumped = _jsonable(live.get_secret_value() if isinstance(live, SECRETS) else live, bytes_mode)
    if isinstance(dumped, str) and dumped.startswith(_UNKNOWN):
        return kept(live)
    again = functools.partial(reveal, exact=exact, bytes_mode=bytes_mode, depth=depth + 1)
    found = _reveal_container(live, dumped, again)
    if found is not None:
        return found
    if dumped is ABSENT or (type(live) is int and too_long(live)):
        return kept(live)
    if not isinstance(live, _PLAIN_DATA):
        return kept(live, _without_unknown(dumped))
    return cast(JSON, live) if exact and type(live) in PLAIN else dumped


def _reveal_container(  # noqa: PLR0911  one return per kind of container
    live: object, dumped: JSON, again: Callable[[object, JSON], JSON]
) -> JSON:
    """Return what is in a container, or None if the serializer made something else of it."""
    if (
        dataclasses.is_dataclass(live)
        and not isinstance(live, type)
        and (dumped is ABSENT or isinstance(dumped, dict))
    ):
        computed = getattr(getattr(live, "__pydantic_decorators__", None), "computed_fields", ())
        shown = (
            dumped if isinstance(dumped, dict) else {each.name: ABSENT for each in dataclasses.fields(live)}
        )
        given = {name: value for name, value in shown.items() if name not in computed}
        return {name: again(getattr(live, name, None), value) for name, value in given.items()}
    if isinstance(live, Mapping):
        if dumped is ABSENT and all(type(key) is str for key in live):
            return {key: again(value, ABSENT) for key, value in live.items()}
        if isinstance(dumped, dict):
            if len(live) != len(dumped):  # two keys have the same text, or a serializer leaves some out
                return kept(live, _without_unknown(dumped), partial=True)
            pairs = zip(live.values(), dumped.items(), strict=True)
            return {key: again(value, shown) for value, (key, shown) in pairs}
    if isinstance(live, list | tuple | set | frozenset | collections.deque):
        if dumped is ABSENT:
            return [again(value, ABSENT) for value in live]
        if isinstance(dumped, list) and len(live) == len(dumped):
            if type(live) is list and are_writable(dumped) and all(map(operator.is_, live, dumped)):
                return dumped
            return [again(value, shown) for value, shown in zip(live, dumped, strict=True)]
        if isinstance(dumped, list):
            return kept(live, _without_unknown(dumped), partial=True)
    return None


def _without_unknown(dumped: JSON) -> JSON:
    """Return what was dumped, or ``ABSENT`` if it has an object without a JSON form in it."""
    if isinstance(dumped, str):
        return ABSENT if dumped.startswith(_UNKNOWN) else dumped
    inner = dumped.values() if isinstance(dumped, dict) else dumped if isinstance(dumped, list) else ()
    return ABSENT if any(_without_unknown(each) is ABSENT for each in inner) else dumped


def _reveal_model(
    live: BaseModel, dumped: JSON, exact: bool, depth: int, plain: "FieldForms | None" = None
) -> JSON:
    kind = type(live)
    own_form = not isinstance(dumped, dict) or bool(kind.__pydantic_decorators__.model_serializers)
    bytes_mode = kind.model_config.get("val_json_bytes", "utf8")
    mode: Literal["utf8", "base64"] = "base64" if bytes_mode == "base64" else "utf8"
    shown = dumped if isinstance(dumped, dict) and not own_form else {}
    result = Fields()
    for name, field in kind.model_fields.items():
        # A subclass may have fields that the declared type has not. They are neither shown nor read back.
        declared = own_form or name in shown or field.exclude or getattr(field, "exclude_if", None)
        if declared and name in live.__dict__:
            value, known = live.__dict__[name], plain.get(name) if plain else None
            make = functools.partial(
                reveal, value, shown.get(name, ABSENT), exact=exact, bytes_mode=mode, depth=depth + 1
            )
            if isinstance(known, Forms):
                result[name] = known.form("exact" if exact else "serialized", make)
            elif known and not isinstance(value, RootModel):
                result[name] = _reveal_model(value, shown.get(name, ABSENT), exact, depth + 1, known)
            else:
                result[name] = make()
    for name, value in (getattr(live, "__pydantic_extra__", None) or {}).items():
        result[name] = reveal(value, shown.get(name, ABSENT), exact=exact, depth=depth + 1)
    return result


def _jsonable(value: object, bytes_mode: Literal["utf8", "base64"]) -> JSON:
    try:
        shown: JSON = to_jsonable_python(
            value,
            by_alias=False,
            round_trip=True,
            bytes_mode=bytes_mode,
            inf_nan_mode="constants",
            fallback=_unknown,
        )
        return shown
    except BaseException as error:  # noqa: BLE001  serializers are user code
        let_interrupts_through(error)
        return ABSENT
