"""The sections: the root of the state, made of the controls' sections; which a resume has changed."""

import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

from freak_core import Action, ConfigurationError, Refused
from freak_lightning.control import Control, JournalLine
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.ranks.collectives import Collectives, on_any
from freak_lightning.ranks.interrupts import failure_of

logger = logging.getLogger("freak")

Given = TypeVar("Given")


def prepare(controls: Sequence[Control], trainer: Trainer, pl_module: LightningModule) -> None:
    """Let each control make its section fit this trainer.

    Raises:
        ConfigurationError: a control failed; the message says which and why.
    """
    for control in controls:
        try:
            control.prepare(trainer, pl_module)
        except ConfigurationError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise ConfigurationError(f"{type(control).__name__}.prepare failed: {why}") from error


def sections_of(controls: Sequence[Control]) -> dict[str, Control]:
    """Return the controls that own a section, by its name.

    Raises:
        ConfigurationError: two controls own a section of the same name.
    """
    sections: dict[str, Control] = {}
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


def root_of(sections: Mapping[str, Control]) -> BaseModel:
    """Return the model whose fields are the sections: the very objects that the controls hold."""
    fields: dict[str, Any] = {name: (type(control.state), ...) for name, control in sections.items()}
    config = ConfigDict(extra="forbid", protected_namespaces=())
    model: type[BaseModel] = create_model("Training", __config__=config, **fields)
    return model.model_construct(**{name: control.state for name, control in sections.items()})


def actions_of(
    controls: Sequence[Control], trainer: Trainer, pl_module: LightningModule
) -> dict[str, Action]:
    """Return the actions of all controls by name.

    Raises:
        ConfigurationError: two actions have the same name.
    """
    actions: dict[str, Action] = {}
    for control in controls:
        for name, method in control.actions().items():
            if name in actions:
                raise ConfigurationError(f"there are two actions called {name!r}; rename one")
            marked: dict[str, bool] = getattr(method, "__freak_action__", {})
            confirm = marked.get("confirm", False)
            actions[name] = Action(functools.partial(method, trainer, pl_module), name, confirm=confirm)
    return actions


def only_one(what: str, given: Sequence[Given | None]) -> Given | None:
    """Return the one value that some of the controls were given, or None.

    Raises:
        ConfigurationError: they were given different values.
    """
    values = [value for value in given if value is not None]
    if any(value is not values[0] and value != values[0] for value in values):
        raise ConfigurationError(
            f"the controls were given different values for {what}: {values}; give it to one"
        )
    return values[0] if values else None


def recorded_requests_of(controls: Sequence[Control], trainer: Trainer) -> Sequence[JournalLine] | None:
    """Return the lines of the journal to replay, or None if no control has one.

    Raises:
        ConfigurationError: two controls have a journal, or it cannot be replayed.
    """
    found = [control.recorded_requests(trainer) for control in controls]
    journals = [lines for lines in found if lines is not None]
    if len(journals) > 1:
        raise ConfigurationError(f"{len(journals)} controls replay a journal; keep one of them")
    return journals[0] if journals else None


def restored_sections(sections: Mapping[str, Control], collectives: Collectives) -> dict[str, Refused | None]:
    """Return the sections that a checkpoint or the program has changed before training, on any rank.

    The value is the failure where a control cannot say on this rank whether its section has changed. Ranks
    may differ: an object may depend on the rank. Every rank must call it.
    """
    found: dict[str, Refused | None] = {}
    for name, control in sections.items():
        failure: Refused | None = None
        try:
            changed = bool(control.state_dict())
        except BaseException as error:
            logger.exception("%s cannot tell what it holds", type(control).__name__)
            changed, failure = True, failure_of(error)
        if on_any(collectives, changed):
            found[name] = failure
    return found


def check_dry_run(
    sections: Mapping[str, Control],
    trainer: Trainer,
    pl_module: LightningModule,
    wanted: BaseModel,
    changes: Sequence[object],
) -> dict[str, object] | None:
    """Refuse what the controls would refuse, and return what they would tell, by the names of the sections.

    Another thread than the training's calls it.

    Raises:
        Refused: a control would refuse the change.
    """
    told: dict[str, object] = {}
    touched = {str(getattr(change, "path", "")).split("/")[1] for change in changes}
    for name, control in sections.items():
        if name in touched:
            try:
                told[name] = control.check(trainer, pl_module, getattr(wanted, name))
            except Refused:
                raise
            except Exception:
                logger.exception("%s cannot check a dry run", type(control).__name__)
    return {name: each for name, each in told.items() if each is not None} or None
