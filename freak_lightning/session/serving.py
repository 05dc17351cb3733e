"""Serving: the server of a training, on global rank zero."""

import logging
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from freak_core import Action, ConfigurationError, Freak, PortTaken
from freak_lightning.control import Control
from freak_lightning.lightning_api.namespace import Trainer, rank_zero_warn
from freak_lightning.session.setup_facts import facts_of

logger = logging.getLogger("freak")


def served(
    freak: Freak | None,
    root: BaseModel,
    actions: Mapping[str, Action],
    controls: Sequence[Control],
    trainer: Trainer,
) -> Freak | None:
    """Return the server of a training, at another port if the port is taken; None if there can be none.

    Args:
        freak: how to serve; None for the usual way.
        root: the sections.
        actions: the actions by name.
        controls: whose facts ``GET /run`` shows.
        trainer: the trainer that fits.

    Raises:
        ConfigurationError: the user must change something.
    """
    try:
        freak = freak or Freak()
        freak.ranks_agree = True
        for name, action in actions.items():
            freak.action(name=name, confirm=action.confirm)(action.function)
        try:
            freak.control(root, apply="sync")
        except PortTaken as taken:
            freak.use_any_port()
            freak.control(root, apply="sync")
            rank_zero_warn(f"{taken}. The training is served at {freak.url}")
    except ConfigurationError:
        raise
    except Exception:
        logger.exception("Freak cannot serve; training goes on without remote control")
        return None
    facts: dict[str, object] = {}
    for control in controls:
        try:
            facts |= control.facts(trainer)
        except Exception:
            logger.exception("the facts of %s cannot be read", type(control).__name__)
    freak.phase("starting", **{**facts, **facts_of(trainer)})
    return freak
