"""The control point: a place in the training where every rank may act."""

from dataclasses import dataclass

from freak_core import Applied


@dataclass(frozen=True, slots=True)
class Point:
    """Where training stands, equal on all ranks.

    ``step`` is the number of optimizer steps done, ``logged_step`` the step that loggers use if that is
    another; ``epoch`` the epoch trained; ``batch`` the number of
    batches trained, with manual optimization only, where several may have the same step; ``exact`` says
    whether a checkpoint saved here resumes as if nothing had happened; ``weights`` is a
    fingerprint of this rank's weights, where a receipt needs it.
    """

    step: int
    epoch: int
    batch: int | None = None
    logged_step: int | None = None
    weights: str | None = None
    exact: bool = False
    last_batch: bool = False
    after_validation: bool = False
    epoch_end: bool = False

    @property
    def kind(self) -> str:
        """Which of the points of one step this is: ``step``, ``epoch_end``, or ``between`` epochs."""
        if self.epoch_end:
            return "epoch_end"
        return "step" if self.exact else "between"

    def applied(self, ranks: int) -> Applied:
        """Return where a request took effect that so many ranks have carried out here."""
        return Applied(
            step=self.step,
            logged_step=self.logged_step,
            epoch=self.epoch,
            batch=self.batch,
            point=self.kind,
            ranks=ranks,
            weights=self.weights,
        )
