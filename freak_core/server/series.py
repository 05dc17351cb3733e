"""Series: the history of every metric the program tells, thinned out to what a chart can show."""

from collections.abc import Iterable, Mapping
from typing import Any

KEEP = 100_000
"""Points to remember of one metric; when there are more, every second one goes."""

Point = tuple[int | None, float, float | None]
"""(step, seconds since the epoch, value); a value that is not finite is None."""


class Series:
    """The points of every metric, in the order in which they were told."""

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._points: dict[str, list[Point]] = {}

    def note(self, step: int | None, at: float, values: Mapping[str, Any]) -> None:
        """Remember the values of some metrics."""
        for name, value in values.items():
            points = self._points.setdefault(name, [])
            points.append((step, at, value))
            if len(points) > self._keep:
                points[:] = thinned(points, self._keep // 2)

    def names(self) -> list[str]:
        """Return the names of all metrics."""
        return sorted(self._points)

    def newest(self) -> dict[str, float | None]:
        """Return the newest value of every metric."""
        return {name: points[-1][2] for name, points in self._points.items()}

    def read(self, names: Iterable[str] | None, since: int, max_points: int) -> dict[str, list[Point]]:
        """Return points after step ``since`` by name, at most about ``max_points`` of each."""
        wanted = self._points if names is None else {n: self._points[n] for n in names if n in self._points}
        return {
            name: thinned([p for p in points if p[0] is None or p[0] > since], max_points)
            for name, points in wanted.items()
        }


def thinned(points: list[Point], at_most: int) -> list[Point]:
    """Return the first point, and the lowest and highest of each stretch, so that no peak is lost.

    Args:
        points: in their order.
        at_most: how many to return; at least three.
    """
    if len(points) <= at_most:
        return points
    kept, rest = points[:1], points[1:]
    stretches = max(1, (at_most - 1) // 2)
    for i in range(stretches):
        stretch = rest[i * len(rest) // stretches : (i + 1) * len(rest) // stretches]
        finite = [point for point in stretch if point[2] is not None]
        if not finite:
            kept += stretch[:1]
            continue
        low = min(finite, key=lambda point: point[2] or 0.0)
        high = max(finite, key=lambda point: point[2] or 0.0)
        kept += [low] if low is high else sorted((low, high), key=finite.index)
    return kept
