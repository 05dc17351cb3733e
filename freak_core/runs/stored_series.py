"""The curves of a run's metrics from its folder: from the overview, or from the parts for a closer look."""

import math
from array import array
from pathlib import Path
from typing import Literal, NamedTuple

from freak_core.runs.metric_parts import Damage, Points, read_points
from freak_core.runs.overview import Overview, taken, thinned

OVERVIEW_IS_ENOUGH = 1000
"""Up to so many points of each metric, the whole of a run is shown from its overview."""

ENOUGH = 200
"""Points of a metric that are enough for a closer look: the parts of a long run take seconds to read."""

Axis = Literal["step", "time"]


class Range(NamedTuple):
    """The points that somebody asks for: after ``since`` and up to ``until``, by step or by time."""

    axis: Axis = "step"
    since: float = -1.0
    until: float = math.inf

    @property
    def whole(self) -> bool:
        """Whether all points are in it; steps begin at 0."""
        return self.since < 0 and self.until == math.inf

    def chosen(self, points: Points) -> list[int]:
        """Return which points are in it. Those without a step are in every range of steps."""
        if self.whole:
            return list(range(len(points)))
        places = points.step if self.axis == "step" else points.at
        return [i for i, at in enumerate(places) if math.isnan(at) or self.since < at <= self.until]

    def period(self, points: Points) -> tuple[float, float]:
        """Return the times between which a metric has its points in this range, or earlier and later ones.

        Args:
            points: some of the metric's points. Between two of them there may be others.
        """
        if self.axis == "time":
            return self.since, self.until
        times: list[float] = []
        for i in range(len(points) - 1):
            steps = points.step[i], points.step[i + 1]
            apart = points.segment[i] != points.segment[i + 1] or any(map(math.isnan, steps))
            if apart or (max(steps) > self.since and min(steps) <= self.until):
                times += points.at[i : i + 2]
        return min(times, default=math.inf), max(times, default=-math.inf)


def stored_series(
    folder: Path, overview: Overview, wanted: Range, at_most: int, damage: Damage
) -> dict[str, Points]:
    """Return the points of each metric of an overview, thinned to ``at_most`` (five or more).

    Args:
        folder: the folder of the run.
        overview: of the metrics that are wanted, as ``read_overview`` returns it.
        wanted: which points. The parts are read if the overview has too few of them.
        at_most: of each metric.
        damage: notes what cannot be read.
    """
    found: dict[str, Points] = {}
    closer: set[str] = set()
    for name, kept in overview.metrics.items():
        chosen = wanted.chosen(kept.points)
        enough = at_most if at_most > OVERVIEW_IS_ENOUGH else 0 if wanted.whole else min(at_most, ENOUGH)
        if kept.thinned and len(chosen) < enough:
            closer.add(name)
        points, ordinals = kept.points, kept.ordinals
        if not wanted.whole:
            points, ordinals = taken(points, chosen), array("Q", map(ordinals.__getitem__, chosen))
        found[name] = thinned(points, ordinals, at_most)[0]
    if closer:
        periods = [wanted.period(overview.metrics[name].points) for name in closer]
        period = min(begin for begin, _ in periods), max(end for _, end in periods)
        for name, points in read_points(folder, closer, damage, period).items():
            chosen = wanted.chosen(points)
            found[name] = thinned(taken(points, chosen), chosen, at_most)[0]
    return found
