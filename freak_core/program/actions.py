"""Actions: functions of the program that a request may call."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from freak_core.errors import ConfigurationError, Failed, Rejected
from freak_core.state.json_schema import json_schema
from freak_core.state.type_hints import MASK
from freak_core.strict_json import JSON, dumps, plain, writable

logger = logging.getLogger("freak")


class Action:
    """A function whose parameters' annotations are the contract for its JSON arguments.

    Args:
        function: what to call.
        name: its name in requests; the function's own name if you give none.
        confirm: whether the dashboard asks before it calls.

    Raises:
        ConfigurationError: the function takes ``*args``, ``**kwargs`` or positional-only parameters.
    """

    def __init__(
        self, function: Callable[..., object], name: str | None = None, *, confirm: bool = False
    ) -> None:
        self.function = function
        inner = function.func if isinstance(function, functools.partial) else function
        self.name: str = name or inner.__name__
        self.confirm = confirm
        self.description: str = inspect.getdoc(inner) or ""
        self._arguments = _arguments_model(self.name, function)

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments."""
        return json_schema(self._arguments)

    def shown(self, body: JSON) -> JSON:
        """Return the arguments with secrets masked; if they cannot be read, the mask in place of all."""
        try:
            dumped = self._validated(body).model_dump(mode="json", exclude_unset=True, fallback=repr)
        except Exception:  # noqa: BLE001 - serializers are user code
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

    def call(self, body: JSON) -> JSON:
        """Call the function and return its result as JSON.

        Raises:
            Rejected: the arguments do not fit.
            Failed: the function raised; the program goes on.
        """
        arguments = self.validate(body)
        try:
            return cast(JSON, plain(self.function(**arguments)))
        except Exception as error:
            logger.exception("the action %r failed; the program goes on", self.name)
            why = f"{self.name} failed: {type(error).__name__}: {error}"
            raise Failed(writable(why)) from error


def _arguments_model(name: str, function: Callable[..., object]) -> type[BaseModel]:
    inner = function.func if isinstance(function, functools.partial) else function
    hints = get_type_hints(inner, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(f"action {name!r} has the parameter {parameter}; name each one instead")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints.get(parameter.name, Any), default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    model: type[BaseModel] = create_model(f"{name}_arguments", __config__=config, **fields)
    return model
