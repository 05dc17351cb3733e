"""ParamGroupControl: what controls of param groups share, and the look at whether a step has used them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from freak_core import Failed, Rejected
from freak_lightning.control import StateT, pointer_key
from freak_lightning.control_point import Point
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.loops import trained_batches
from freak_lightning.lightning_api.namespace import LightningModule, Trainer, rank_zero_warn
from freak_lightning.optimizers.group_names import Names
from freak_lightning.optimizers.param_group_overlay import Look, ParamGroupOverlay

Said = TypeVar("Said")

LONGEST_LOOK = 100
"""Batches after which a request whose override no step has used is told of."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """What to compare with after the next step, and where the override was set."""

    look: Look
    step: int
    batch: int


class ParamGroupControl(ControlCallback[StateT]):
    """Base class of the controls that override values of param groups while their optimizers step.

    A group is called ``"OPTIMIZER/GROUP"`` by its numbers, such as ``"0/1"``, or by its ``name`` if it has
    one; ``"OPTIMIZER/NAME"`` if several optimizers have a group of that name.

    After the first step with an override, and at the end of each epoch, it looks whether the optimizers have
    stepped with it. If one has not, a receipt with the section's name fails, and says which.
    """

    _watch: _Watch | None = None
    _watches: bool = False
    _epoch_look: Look | None = None

    @property
    def overlay(self) -> ParamGroupOverlay:
        """The overlay of this fit.

        Raises:
            Rejected: there is none; the message says why.
        """
        overlay = self.session.overlay if self.session is not None else None
        if overlay is None:
            why = self.session.why_no_overlay if self.session is not None else "training has not started"
            raise Rejected(why)
        return overlay

    def names_of_groups(self, asked: Iterable[str]) -> Names:
        """Return the names of all param groups.

        Raises:
            Rejected: ``asked`` has a group that does not exist.
        """
        names = self.overlay.names
        numbers = {f"{i}/{j}" for i, j in names}
        unknown = [name for name in asked if name not in names.values() and name not in numbers]
        if unknown:
            text = f"there is no param group {unknown[0]!r}; there are: {', '.join(names.values())}"
            raise self.rejected_at(f"groups/{pointer_key(unknown[0])}", text)
        return names

    def follow(self) -> None:
        """Take the optimizers as they are now.

        Raises:
            Rejected: the values of one of them cannot be overridden.
        """
        try:
            self.overlay.follow()
        except TypeError as error:
            raise Rejected(str(error)) from None

    # -- whether a step has used it --------------------------------------------------------------

    def look_after_next_step(self, trainer: Trainer) -> None:
        """Look after the next step whether it has used the override; every rank must call it."""
        look = self.overlay.look_after()
        self._epoch_look = look
        self._watch = _Watch(look, trainer.global_step, trained_batches(trainer))
        self._watches = True

    def waits(self) -> bool:
        """Return whether an override is looked after."""
        return self._watches

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Look whether the optimizers step with the override."""
        overlay = self.session.overlay if self.session is not None else None
        if overlay is None:
            return
        watch = self._watch
        batches = trained_batches(trainer) - watch.batch if watch is not None else 0
        by_hand = not pl_module.automatic_optimization
        if watch is not None and (trainer.global_step > watch.step or (by_hand and batches > 0)):
            used, past = overlay.seen_since(watch.look)
            never = [] if batches < LONGEST_LOOK or used else [*watch.look.uses]
            self._tell(overlay, past or never, point, "" if past else f" in {batches} batches")
            if past or never or len(used) == len(watch.look.uses):
                self._watch = None
        if watch is None and point.epoch_end and self._epoch_look is not None:
            _, past = overlay.seen_since(self._epoch_look)
            self._epoch_look = overlay.look_after()
            self._tell(overlay, [index for index in past if index not in overlay.bypassed], point, "")
        # Equal on all ranks: how long the others look depends on what their own optimizers did.
        alone = trainer.world_size == 1
        self._watches = self._watch is not None if alone else self._watches and batches < LONGEST_LOOK

    def _tell(self, overlay: ParamGroupOverlay, past: list[int], point: Point, how_long: str) -> None:
        """Write a receipt that fails, for optimizers that do not use their override."""
        if not past or self.session is None:
            return
        which = " and ".join(overlay.describe(index) for index in past)
        seen = f"has taken no step that can be seen{how_long}" if how_long else "has stepped without it"
        why = (
            f"the override of {self.section_name()} is not in use: {which} {seen}. torch.compile has traced "
            "its step, a CUDA graph has captured it, or it does not step as a torch.optim.Optimizer does. "
            "The scheduled values are in force."
        )
        overlay.bypassed.update(past)
        rank_zero_warn(why)
        self.session.record(self.section_name(), point, None, Failed(why))

    def on_session(self, session: object | None) -> None:
        """Begin anew."""
        super().on_session(session)
        self._watch, self._watches, self._epoch_look = None, False, None
        if session is None:
            self._let_go()

    def _let_go(self) -> None:
        """Forget what belongs to one fit."""


def said_of(groups: Mapping[str, Said], names: Names, i: int, j: int) -> Said | None:
    """Return the entry of a group in a section's ``groups``, by its numbers or else by its name."""
    return groups.get(f"{i}/{j}", groups.get(names.get((i, j), "")))
