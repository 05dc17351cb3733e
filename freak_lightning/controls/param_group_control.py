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
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from freak_lightning.optimizers.steps_seen import Look
from freak_lightning.ranks.interrupts import KeptInterrupt
from freak_lightning.session.execution import go_back

Said = TypeVar("Said")

LONGEST_LOOK = 100
"""Batches after which a request whose override no step has used is told of."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """What to compare with after the next step, and where the override was set."""

    look: Look
    step: int
    batch: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one rank has seen: an optimizer that uses the override, one that has stepped past it, and why."""

    used: bool = False
    past: bool = False
    why: str = ""


class ParamGroupControl(ControlCallback[StateT]):
    """Base class of the controls that override values of param groups while their optimizers step.

    A group is called ``"OPTIMIZER/GROUP"`` by its numbers, such as ``"0/1"``, or by its ``name`` if it has
    one; ``"OPTIMIZER/NAME"`` if several optimizers have a group of that name.

    After the first step with an override, and at the end of each epoch, it looks whether the optimizers have
    stepped with it. If one has not, a receipt with the section's name fails, and says which. If none has, the
    override is released.
    """

    _watch: _Watch | None = None
    _epoch_look: Look | None = None
    _watches: bool = False
    """Whether the next control point looks; equal on all ranks, as the next two are."""
    _watches_epochs: bool = False
    _looks_until: int = 0

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

    def expect_look(self, trainer: Trainer) -> None:
        """Say that the next steps are looked at; ``apply`` calls it first, on every rank.

        Equal on all ranks, whatever ``apply`` raises on one of them: the ranks agree on what they have seen.
        """
        self._looks_until = trained_batches(trainer) + LONGEST_LOOK
        self._watch = self._epoch_look = None
        self._watches = self._watches_epochs = True

    def look_after_next_step(self, trainer: Trainer) -> None:
        """Look after the next step whether it has used the override."""
        look = self.overlay.look_after()
        self._epoch_look = look
        self._watch = _Watch(look, trainer.global_step, trained_batches(trainer)) if look.uses else None

    def waits(self) -> bool:
        """Return whether an override is looked after."""
        return self._watches

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Look whether the optimizers step with the override; release one that none of them uses."""
        session = self.session
        if session is None or not (self._watches or (self._watches_epochs and point.epoch_end)):
            return  # equal on all ranks
        seen = self._look(trainer, pl_module, point) if session.overlay is not None else _Seen()
        failure = session.agree_on(Failed(seen.why) if seen.why else None)
        last = trained_batches(trainer) >= self._looks_until
        self._watches = not last and session.on_any_rank(self._watch is not None)
        if failure is None:
            return
        if session.on_any_rank(seen.past) and not session.on_any_rank(seen.used):
            self._release(trainer, pl_module, session.interrupt)
            failure.detail += " The override is released."
        rank_zero_warn(failure.detail)
        session.record(self.section_name(), point, None, failure)

    def _look(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> "_Seen":
        """Return what this rank has seen since the override was set, or since the last end of an epoch."""
        overlay, watch = self.overlay, self._watch
        if watch is not None:
            batches = trained_batches(trainer) - watch.batch
            if trainer.global_step == watch.step and (pl_module.automatic_optimization or batches == 0):
                return _Seen()
            used, past = overlay.seen_since(watch.look)
            never = [] if batches < LONGEST_LOOK or used else [*watch.look.uses]
            if past or never or len(used) == len(watch.look.uses):
                self._watch = None
            return self._seen(used, past or never, "" if past else f" in {batches} batches")
        if point.epoch_end and self._epoch_look is not None:
            used, past = overlay.seen_since(self._epoch_look)
            self._epoch_look = overlay.look_after()
            return self._seen(used, [index for index in past if index not in overlay.bypassed], "")
        return _Seen()

    def _seen(self, used: list[int], without: list[int], how_long: str) -> "_Seen":
        """Return what was seen; ``without`` are the optimizers that do not use their override."""
        if not without:
            return _Seen(used=bool(used))
        which = " and ".join(self.overlay.describe(index) for index in without)
        seen = f"has taken no step that can be seen{how_long}" if how_long else "has stepped without it"
        self.overlay.bypassed.update(without)
        why = (
            f"the override of {self.section_name()} is not in use: {which} {seen}. torch.compile has traced "
            "its step, a CUDA graph has captured it, or it does not step as a torch.optim.Optimizer does. "
            "The scheduled values are in force."
        )
        return _Seen(used=bool(used), past=not how_long, why=why)

    def _release(self, trainer: Trainer, pl_module: LightningModule, interrupt: KeptInterrupt) -> None:
        """Set the section back, so that the state tells no override that is not in force."""
        go_back(lambda: self.become(self.initial_document()), self, interrupt)
        go_back(lambda: self.apply(trainer, pl_module), self, interrupt)
        self._watches = self._watches_epochs = False
        self._watch = self._epoch_look = None

    def on_session(self, session: object | None) -> None:
        """Begin anew."""
        super().on_session(session)
        self._watch = self._epoch_look = None
        self._watches = self._watches_epochs = False
        if session is None:
            self._let_go()

    def _let_go(self) -> None:
        """Forget what belongs to one fit."""


def said_of(groups: Mapping[str, Said], names: Names, i: int, j: int) -> Said | None:
    """Return the entry of a group in a section's ``groups``, by its numbers or else by its name."""
    return groups.get(f"{i}/{j}", groups.get(names.get((i, j), "")))
