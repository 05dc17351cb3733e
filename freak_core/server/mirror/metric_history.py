"""The history of every metric, thinned evenly to a limited number of points."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from freak_core.runs.thinning import Point, thin

KEEP = 100_000
"""Points to keep of one metric; when there are more, half of them are dropped."""

KEEP_IN_ALL = 1_000_000
"""Points to keep of all metrics together; each has an equal share."""

MOST_METRICS = 5_000
"""Metrics to keep. Later names are ignored: one name per step must not fill the memory."""

Axis = Literal["step", "time"]


class Series:
    """The points of every metric, in the order in which they were reported.

    Args:
        keep: points of one metric; at least ten.
        keep_in_all: points of all metrics together.
    """

    def __init__(self, keep: int = KEEP, keep_in_all: int = KEEP_IN_ALL) -> None:
        self._keep = keep
        self._keep_in_all = keep_in_all
        self._histories: dict[str, History] = {}

    def note(self, step: int | None, at: float, values: Mapping[str, object], stands_for: int = 1) -> None:
        """Add a point to some metrics; a value that is no number is ignored.

        ``stands_for`` is the number of points that this one is left of, if they were thinned before.
        """
        for name, value in values.items():
            if value is None or isinstance(value, int | float):
                if name not in self._histories:
                    if len(self._histories) >= MOST_METRICS:
                        continue
                    self._histories[name] = History()
                finite = value is not None and abs(value) < math.inf
                point = (step, at, value if finite else None)
                self._histories[name].add(point, stands_for, self._share())

    def copy(self, names: Iterable[str] | None = None) -> "dict[str, History]":
        """Return the histories of some metrics, or of all, as they are now."""
        wanted = self._histories if names is None else [n for n in names if n in self._histories]
        return {name: self._histories[name].copy() for name in wanted}

    def newest(self) -> dict[str, float | None]:
        """Return the newest value of every metric."""
        return {name: history.points[-1][2] for name, history in self._histories.items()}

    def _share(self) -> int:
        return max(10, min(self._keep, self._keep_in_all // len(self._histories)))


class History:
    """The points of one metric, each with its ordinal: its number among all that were ever reported.

    The ordinals keep repeated thinning even. Without them, the beginning of a long run would lose more
    points with every thinning.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._ordinals = array("Q")
        self._told = 0

    def add(self, point: Point, stands_for: int, keep: int) -> None:
        """Add a point; keep at most ``keep`` of all."""
        self.points.append(point)
        self._ordinals.append(self._told)
        self._told += stands_for
        if len(self.points) > keep:
            self._take(thin(_values(self.points), self._ordinals, max(5, keep // 2)))

    def copy(self) -> "History":
        """Return a copy with the same points."""
        copied = History()
        copied.points, copied._ordinals, copied._told = self.points[:], self._ordinals[:], self._told
        return copied

    def read(self, at_most: int, axis: Axis, since: float, until: float) -> list[Point]:
        """Return the points after ``since`` and up to ``until``, thinned to ``at_most`` (five or more).

        Points without a step are in every range of steps.
        """
        column = 0 if axis == "step" else 1
        places = ((i, point[column]) for i, point in enumerate(self.points))
        chosen = [i for i, place in places if place is None or since < place <= until]
        points, ordinals = [self.points[i] for i in chosen], [self._ordinals[i] for i in chosen]
        return [points[i] for i in thin(_values(points), ordinals, at_most)]

    def _take(self, chosen: Sequence[int]) -> None:
        self.points = [self.points[i] for i in chosen]
        self._ordinals = array("Q", [self._ordinals[i] for i in chosen])


def _values(points: Sequence[Point]) -> list[float | None]:
    return [value for _, _, value in points]
