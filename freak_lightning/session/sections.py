"""The root of the state: a section for each control, and the actions of all."""

import functools
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from freak_core import Action, ConfigurationError
from freak_lightning.control import ControlCallback
from freak_lightning.lightning_api.namespace import LightningModule, Trainer


def prepare(controls: Sequence[ControlCallback], trainer: Trainer, pl_module: LightningModule) -> None:
    """Let each control make its section fit this trainer.

    Raises:
        ConfigurationError: one of them fails; it says which.
    """
    for control in controls:
        try:
            control.prepare(trainer, pl_module)
        except ConfigurationError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise ConfigurationError(f"{type(control).__name__}.prepare failed: {told}") from error


def sections_of(controls: Sequence[ControlCallback]) -> dict[str, ControlCallback]:
    """Return the controls that have a section, by its name.

    Raises:
        ConfigurationError: two want the same name.
    """
    sections: dict[str, ControlCallback] = {}
    for control in controls:
        if not type(control.state).model_fields:
            continue
        name = control.section_name()
        if name in sections:
            raise ConfigurationError(
                f"{type(sections[name]).__name__} and {type(control).__name__} both own section {name!r}; "
                "name one of them differently with its attribute `section`"
            )
        sections[name] = control
    return sections


def root_of(sections: dict[str, ControlCallback]) -> BaseModel:
    """Return the model whose fields are the sections: the very objects that the controls hold."""
    fields: dict[str, Any] = {name: (type(control.state), ...) for name, control in sections.items()}
    config = ConfigDict(extra="forbid", protected_namespaces=())
    model: type[BaseModel] = create_model("Training", __config__=config, **fields)
    return model.model_construct(**{name: control.state for name, control in sections.items()})


def actions_of(
    controls: Sequence[ControlCallback], trainer: Trainer, pl_module: LightningModule
) -> dict[str, Action]:
    """Return the actions of all controls by name.

    Raises:
        ConfigurationError: two have the same name.
    """
    actions: dict[str, Action] = {}
    for control in controls:
        for name, method in control.actions().items():
            if name in actions:
                raise ConfigurationError(f"there are two actions called {name!r}; rename one")
            marked: dict[str, bool] = getattr(method, "__freak_action__", {})
            actions[name] = Action(functools.partial(method, trainer, pl_module), name, **marked)
    return actions


def only_one(what: str, given: Sequence[Any]) -> Any:
    """Return the one value that some of the controls were given, or None.

    Raises:
        ConfigurationError: they were given different ones.
    """
    values = [value for value in given if value is not None]
    if any(value is not values[0] and value != values[0] for value in values):
        raise ConfigurationError(
            f"the controls were given different values for {what}: {values}; give it to one"
        )
    return values[0] if values else None
