"""Restored: the sections that a checkpoint, or the program, has changed before training starts."""

import logging
from collections.abc import Mapping

from freak_core import Failed, Refused
from freak_lightning.control import ControlCallback
from freak_lightning.ranks.collectives import Collectives, on_any

logger = logging.getLogger("freak")


def restored_sections(
    sections: Mapping[str, ControlCallback], collectives: Collectives
) -> dict[str, Refused | None]:
    """Return the sections that differ from their start on any rank, with what goes wrong here in telling.

    Ranks may differ: an object may depend on the rank, a callback may fail on one. Every rank must call it.
    """
    found: dict[str, Refused | None] = {}
    for name, control in sections.items():
        failure: Refused | None = None
        try:
            changed = bool(control.state_dict())
        except Exception as error:
            logger.exception("%s cannot tell what it holds", type(control).__name__)
            changed, failure = True, Failed(f"{type(error).__name__}: {error}")
        if on_any(collectives, changed):
            found[name] = failure
    return found
