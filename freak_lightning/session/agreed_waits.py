"""Whether controls wait, and whether one pauses the training: equal on all ranks, whatever each rank says."""

import logging
from collections.abc import Callable, Sequence

from freak_lightning.control import Control
from freak_lightning.ranks.collectives import Collectives, end_if_interrupted
from freak_lightning.ranks.interrupts import KeptInterrupt

logger = logging.getLogger("freak")

_WAITS, _MAY_PAUSE, _PAUSES, _UNFORESEEABLE, _INTERRUPTED = 1, 2, 4, 8, 16
"""Flags that ranks exchange: a control waits; one that waits may pause; one pauses; a user wrote waits(); a
signal has interrupted a rank."""


class AgreedWaits:
    """What the ranks agreed on when they last exchanged requests.

    ``waits()`` and ``pauses()`` of a control are the user's code: one rank may raise or answer differently.
    A rank that acted on its own answer would be alone in the next collective. So all ranks act on the agreed
    answer. They agree anew only where all ranks come: after requests, and where a pause may begin.

    Args:
        controls: all controls of the fit.
        collectives: how the ranks agree.
        interrupt: one that this rank has kept; it is raised as the ranks agree.
        alone: whether there is only one rank; it always asks its controls.
    """

    def __init__(
        self,
        controls: Sequence[Control],
        collectives: Collectives,
        interrupt: KeptInterrupt,
        *,
        alone: bool,
    ) -> None:
        self._controls = controls
        self._interrupt = interrupt
        self._collectives = collectives
        self._alone = alone
        self._flags = 0
        self._failed = False
        self._outdated = False

    @property
    def waits(self) -> bool:
        """Whether a control waits."""
        return bool((self._now() if self._alone else self._flags) & _WAITS)

    def begin(self) -> None:
        """Agree for the first time. All ranks must call it."""
        foreseeable = all(_is_ours(control) for control in self._controls)
        self._agree(self._now() | (0 if foreseeable else _UNFORESEEABLE))

    def exchanged(self, requests: bool) -> None:
        """Note that all ranks have exchanged requests here; ``requests`` says whether there were any.

        Without requests, only controls with a ``waits()`` of the user's own may have changed their mind.
        """
        self._outdated = requests or bool(self._flags)

    def renew(self, pauses: Callable[[], bool] | None) -> bool:
        """Agree anew where an answer may have changed; return whether training shall stand still.

        All ranks must call it at the same points. ``pauses`` asks this rank's controls; None where training
        cannot stand still.

        Raises:
            BaseException: a signal has interrupted a rank; all ranks raise where they agree.
        """
        outdated, self._outdated = self._outdated or self._alone, False
        if not outdated and not self._flags & _MAY_PAUSE:
            self._interrupt.end_here()
            return False
        here = _PAUSES if pauses is not None and pauses() else 0
        self._agree(self._now() | here | self._flags & _UNFORESEEABLE)
        return bool(self._flags & _PAUSES)

    def _agree(self, mine: int) -> None:
        interrupted = _INTERRUPTED if self._interrupt.error is not None else 0
        self._flags = self._collectives.union(mine | interrupted, 5)
        if self._flags & _INTERRUPTED:
            end_if_interrupted(self._collectives, self._interrupt)

    def _now(self) -> int:
        """Return this rank's own answers."""
        flags = 0
        for control in self._controls:
            try:
                if control.waits():
                    may_pause = _is_ours(control) and type(control).pauses is not Control.pauses
                    flags |= _WAITS | (_MAY_PAUSE if may_pause else 0)
            except BaseException as error:
                self._interrupt.keep(error)
                flags |= _WAITS
                failed_before, self._failed = self._failed, True  # another thread asks, too
                if not failed_before:
                    logger.exception("waits() of %s failed; it counts as True", type(control).__name__)
        return flags


def _is_ours(control: Control) -> bool:
    """Return whether ``waits()`` is written by Freak for this control: only requests change its answer."""
    waits = type(control).waits
    ours = waits.__module__.partition(".")[0] == Control.__module__.partition(".")[0]
    return ours and (waits is not Control.waits or not control.waits())
