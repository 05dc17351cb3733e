"""What stands for live values in a document on its way through validation: tokens and marks.

A token is a text in the place of a value that no operation has touched. Validation puts the live object there
and does not validate it. A mark is a key of an object. Its value says which live model the object describes.
"""

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeGuard

from pydantic import BaseModel, RootModel

from freak_core.state import dataclass_fields
from freak_core.state.json_values import ABSENT, PLAIN
from freak_core.text.strict_json import JSON

_SECRET: Final = f"\0{secrets.token_hex(8)}:"
_Path: TypeAlias = tuple[str, ...]
_NO_TOKEN: Final = PLAIN - {str}
MARK: Final = f"{_SECRET}mark"
"""The key of a mark. Its value is a token of the live model."""

Marked: TypeAlias = dict[str, Any]
"""A document of the next state of a model, with its mark."""


class Text(str):
    """JSON for strict validation, after a validator of the program has seen it as Python objects."""

    __slots__ = ()


@dataclass(slots=True)
class _Shown:
    """What a before or wrap validator was given: as it sees it, and as it came."""

    shown: object
    given: object


@dataclass(slots=True)
class LiveValues:
    """The live values of one validation, by token.

    Attributes:
        left_out: by token of a marked model, the fields that get their default in the new state.
        strict: whether pydantic may not convert values.
    """

    _values: list[tuple[object, Callable[[], JSON]]] = field(default_factory=list)
    _containers: dict[int, tuple[object, object]] = field(default_factory=dict)
    _shown: list[_Shown] = field(default_factory=list)
    left_out: dict[str, set[str]] = field(default_factory=dict)
    strict: bool = True
    _roots: list[str] = field(default_factory=list)
    _results: dict[str, tuple[object, Exception | None]] = field(default_factory=dict)
    _prefix: str = field(default_factory=lambda: f"{_SECRET}{secrets.token_hex(8)}:")
    """Of every token: another one for each validation, so that no request can hold one."""

    def token(self, value: object, form: Callable[[], JSON]) -> str:
        """Return a text that stands for ``value``. ``form`` returns its JSON form, or ABSENT."""
        self._values.append((value, form))
        return f"{self._prefix}{len(self._values) - 1}"

    def is_token(self, value: object) -> TypeGuard[str]:
        """Whether a value stands for a live one."""
        return isinstance(value, str) and value.startswith(self._prefix)

    def value(self, token: str) -> Any:
        """Return the live value for which a token stands."""
        return self._values[int(token.removeprefix(self._prefix))][0]

    def left_in(self, new: object, live: object) -> _Path | None:
        """Return where a validated value still has a token or a mark, None if nowhere.

        Args:
            new: the value.
            live: the value that was there; what is the same object is not searched.
        """
        return next(self._left_in(new, live, (), set()), None)

    def _left_in(self, new: object, live: object, path: _Path, seen: set[int]) -> Iterator[_Path]:
        if new is live or type(new) in _NO_TOKEN or id(new) in seen:
            return
        if isinstance(new, str):
            if self.is_token(new):
                yield path
            return
        seen.add(id(new))
        if isinstance(new, list | tuple | set | frozenset) and _NO_TOKEN.issuperset(map(type, new)):
            return
        before = contents(live)
        for key, value in contents(new).items():
            if key == MARK or self.is_token(key):
                yield path
            elif type(value) not in _NO_TOKEN:
                yield from self._left_in(value, before.get(key), (*path, str(key)), seen)

    def once(self, token: str, validate: Callable[[], object]) -> object:
        """Return or raise what ``validate`` did before: a union may ask once for each of its members."""
        if token not in self._results:
            try:
                self._results[token] = validate(), None
            except Exception as failure:  # noqa: BLE001  it is raised below
                self._results[token] = None, failure
        result, error = self._results[token]
        if error is not None:
            raise error
        return result

    def forget_results(self) -> None:
        """Validate every model once more."""
        self._results.clear()

    @contextmanager
    def root(self, token: str) -> Iterator[None]:
        """Validate the next state of a root model, whose document cannot have a mark."""
        self._roots.append(token)
        try:
            yield
        finally:
            self._roots.pop()

    def clean(self, given: object) -> object:
        """Return what a function of the program expects in place of tokens and marks."""
        return self._clean(given)

    @contextmanager
    def shown(self, given: object) -> Iterator[object]:
        """Give a validator of the program what it expects in place of tokens and marks."""
        shown = self._clean(given)
        self._shown.append(_Shown(shown, given))
        try:
            yield shown
        finally:
            self._shown.pop()

    def built(self, kind: type[BaseModel], taken: Any) -> BaseModel:
        """Return the next state of a live model, with what belongs to the live one.

        These are its private attributes, its attributes that are no fields, and the fields that were not in
        the document.

        Args:
            kind: the class of the model.
            taken: what pydantic made of the document: the fields, the extra fields, and the names given.
        """
        if isinstance(taken, kind):  # a wrap validator made it
            return taken
        root = issubclass(kind, RootModel)
        fields, extra, given = ({"root": taken}, None, {"root"}) if root else taken
        token = self._roots[-1] if root else fields.pop(MARK, None)
        live = self.value(token)
        gone = self.left_out.get(token, set()) | given
        kept = {name: value for name, value in live.__dict__.items() if name not in gone}
        values = fields | kept
        new = kind.__new__(kind)
        private = live.__pydantic_private__
        object.__setattr__(new, "__dict__", values)
        object.__setattr__(new, "__pydantic_extra__", extra)
        object.__setattr__(new, "__pydantic_private__", None if private is None else dict(private))
        object.__setattr__(
            new, "__pydantic_fields_set__", (given - {MARK}) | (set(values) & set(kind.model_fields))
        )
        return new

    def _clean(self, given: object) -> object:
        if self.is_token(given):
            value, form = self._values[int(given.removeprefix(self._prefix))]
            known = form()
            lossy = isinstance(value, list | tuple | dict | BaseModel) and not isinstance(known, list | dict)
            shown = value if known is ABSENT or lossy else known
            if type(shown) not in PLAIN:
                self._containers[id(shown)] = shown, given
            return shown
        if isinstance(given, dict):
            shown = {key: self._clean(value) for key, value in given.items() if key != MARK}
        elif isinstance(given, list):
            shown = [self._clean(value) for value in given]
        else:
            return given
        self._containers[id(shown)] = shown, given
        return shown

    def back(self, value: object) -> object:
        """Return what a validator of the program made of what it was shown; as JSON if it can be."""
        last = self._shown[-1] if self._shown else _Shown(None, None)
        restored = self._restored(value)
        if (
            isinstance(last.given, dict)
            and isinstance(last.shown, dict)
            and type(value) is dict
            and isinstance(restored, dict)
        ):
            restored = {
                key: last.given[key] if key in last.shown and value[key] is last.shown[key] else inner
                for key, inner in restored.items()
            }
            if MARK in last.given:
                restored[MARK] = last.given[MARK]
        return Text(json.dumps(restored)) if _is_json(restored) else restored

    def _restored(self, value: object) -> object:
        known = self._containers.get(id(value))
        if known is not None and known[0] is value and not (self._shown and value is self._shown[-1].shown):
            return known[1]
        if type(value) is dict:
            return {key: self._restored(inner) for key, inner in value.items()}
        return [self._restored(inner) for inner in value] if type(value) is list else value


def contents(value: object) -> dict[object, object]:
    """Return what is inside a model, a dataclass or a container, by field, key or index."""
    if isinstance(value, BaseModel):
        return {**value.__dict__, **(getattr(value, "__pydantic_extra__", None) or {})}
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list | tuple | set | frozenset | deque):
        return dict(enumerate(value))
    return dict(dataclass_fields.contents(value).items()) if dataclass_fields.is_instance(value) else {}


def _is_json(value: object) -> bool:
    if type(value) is dict:
        return all(type(key) is str and _is_json(inner) for key, inner in value.items())
    return all(map(_is_json, value)) if type(value) is list else type(value) in PLAIN


class _Current(threading.local):
    def __init__(self) -> None:
        self.values: list[LiveValues] = []


_current = _Current()


@contextmanager
def validating(values: LiveValues) -> Iterator[None]:
    """Let tokens mean ``values`` in this thread."""
    _current.values.append(values)
    try:
        yield
    finally:
        _current.values.pop()


def current() -> LiveValues:
    """Return the live values of the validation that runs in this thread."""
    return _current.values[-1]
