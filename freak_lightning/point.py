"""The control point: a place in the training where every rank may act."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """Where training stands, equal on all ranks.

    ``step`` is the number of optimizer steps done, ``epoch`` the epoch trained; ``exact`` says whether a
    checkpoint saved here resumes as if nothing had happened.
    """

    step: int
    epoch: int
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
