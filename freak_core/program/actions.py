"""Actions: functions of the program that a request may call."""

import functools
import inspect
import logging
import types
import warnings
from collections.abc import Callable
from typing import Any, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue

from freak_core.errors import ConfigurationError, Failed, Rejected, described
from freak_core.interrupts import let_interrupts_through
from freak_core.program.coroutines import Loop, checked_callable
from freak_core.state.json_schema import json_schema
from freak_core.state.patch import misnamed
from freak_core.state.type_hints import MASK
from freak_core.text.strict_json import JSON, dumps, plain, writable

logger: logging.Logger = logging.getLogger("freak")


class Action:
    """A function whose parameters' annotations are the contract for its JSON arguments.

    Args:
        function: what to call.
        name: its name in requests; the function's own name if you give none.
        confirm: whether the dashboard asks before it calls.
        loop: where coroutines are awaited; the function may be ``async``.

    Raises:
        ConfigurationError: it cannot be called with JSON arguments, or has no name.
    """

    def __init__(
        self,
        function: Callable[..., object],
        name: str | None = None,
        *,
        confirm: bool = False,
        loop: Loop | None = None,
    ) -> None:
        self.function: Callable[..., object] = checked_callable(function, "an action")
        inner = _inner(function)
        name = name or getattr(inner, "__name__", None)
        self._arguments = _arguments_model(str(name), function)
        self.name: str = _checked_name(name, function)
        self.confirm = confirm
        self.description: str = inspect.getdoc(inner) or ""
        self._loop = loop or Loop()

    def replaces(self, other: "Action") -> bool:
        """Whether this is the function of ``other`` again, as after a notebook cell has run twice."""
        mine, others = (_code(each.function) for each in (self, other))
        if mine is None or others is None or self.function == other.function:
            return self.function == other.function
        named, there = (each.co_qualname for each in (mine, others))
        return named == there and (
            mine.co_filename != others.co_filename or mine.co_firstlineno == others.co_firstlineno
        )

    @property
    def schema(self) -> JsonSchemaValue:
        """Return the JSON schema of the arguments."""
        return json_schema(self._arguments)

    def shown(self, body: JSON) -> JSON:
        """Return the arguments with secrets masked; if they cannot be read, the mask in place of all."""
        try:
            dumped = self._validated(body).model_dump(mode="json", exclude_unset=True, fallback=repr)
        except BaseException as error:  # noqa: BLE001  serializers are user code
            let_interrupts_through(error)
            return MASK
        return cast(JSON, dumped)

    def validate(self, body: JSON) -> dict[str, object]:
        """Return the arguments as Python values.

        Raises:
            Rejected: they do not fit the annotations.
        """
        arguments = self._validated(body)
        return {name: getattr(arguments, name) for name in type(arguments).model_fields}

    def _validated(self, body: JSON) -> BaseModel:
        wrong = misnamed(self._arguments, body) if isinstance(body, dict) else []
        if wrong:
            raise Rejected(f"these are not the arguments of {self.name!r}", errors=wrong)
        try:
            return self._arguments.model_validate_json(dumps({} if body is None else body), strict=True)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            raise Rejected(
                f"these are not the arguments of {self.name!r}",
                errors=[
                    {"path": "/" + "/".join(map(str, d["loc"])), "type": d["type"], "message": d["msg"]}
                    for d in details
                ],
            ) from None

    def run(self, arguments: dict[str, object]) -> object:
        """Call the function with Python values and return its result; a coroutine is awaited.

        Args:
            arguments: the values by name, as ``validate`` returns them.
        """
        return self._loop.awaited(self.function(**arguments))

    def call(self, body: JSON) -> JSON:
        """Call the function and return its result as JSON.

        Raises:
            Rejected: the arguments do not fit.
            Failed: the function raised; the program goes on.
        """
        arguments = self.validate(body)
        try:
            return plain(self.run(arguments))
        except BaseException as error:
            let_interrupts_through(error)
            logger.exception("the action %r failed; the program goes on", self.name)
            raise Failed(writable(f"{self.name} failed: {described(error)}")) from error


def _inner(function: Callable[..., object]) -> Callable[..., object]:
    """Return the function inside ``functools.partial``."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _code(function: Callable[..., object]) -> types.CodeType | None:
    return getattr(inspect.unwrap(_inner(function)), "__code__", None)


def _checked_name(name: str | None, function: object) -> str:
    if not name or name == "<lambda>":
        raise ConfigurationError(f"the action {function!r} has no name: pass name=...")
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"{name!r} cannot be the name of an action: it is no text, or empty")
    return name


def _arguments_model(name: str, function: Callable[..., object]) -> type[BaseModel]:
    inner = _inner(function)
    annotated = inner if inspect.isroutine(inner) or inspect.isclass(inner) else type(inner).__call__
    try:
        parameters = inspect.signature(function).parameters.values()
        hints = get_type_hints(annotated, include_extras=True)
    except (ValueError, TypeError, NameError, AttributeError) as error:
        raise ConfigurationError(f"the parameters of action {name!r} cannot be read: {error}") from error
    fields: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(f"action {name!r} has the parameter {parameter}; name each one instead")
        if parameter.name.startswith("_"):
            if parameter.default is parameter.empty:
                raise ConfigurationError(f"action {name!r} has the parameter {parameter}: name it without _")
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints.get(parameter.name, Any), default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a parameter may be called ``copy`` or ``json``
            model: type[BaseModel] = create_model(f"{name}_arguments", __config__=config, **fields)
    except Exception as error:
        raise ConfigurationError(f"the parameters of action {name!r} cannot be used: {error}") from error
    return model
