"""Thinning: fewer points of a metric, with its highs and lows."""

from bisect import bisect_left
from collections.abc import Sequence

Point = tuple[float | None, float, float | None]
"""(step, seconds since the epoch, value); a value that is not finite is None."""


def thin(points: Sequence[Point], ordinals: Sequence[int], at_most: int) -> Sequence[int]:
    """Return the indices of the points to keep: the first, the last, and some of each stretch between.

    Of a stretch, its lowest point, its highest point and its first point that is not finite are kept.

    Args:
        points: in their order.
        ordinals: of each point; stretches are equally long in these.
        at_most: how many to return; at least five.
    """
    last = len(points) - 1
    if last < at_most:
        return range(last + 1)
    each = 3 if any(point[2] is None for point in points) else 2
    stretches = (at_most - 2) // each
    begin, span = ordinals[0] + 1, ordinals[last] - ordinals[0] - 1
    kept, start = [0], 1
    for i in range(1, stretches + 1):
        end = bisect_left(ordinals, begin + i * span / stretches, start, last)
        kept += _telling(points, range(start, end))
        start = end
    return [*kept, last]


def _telling(points: Sequence[Point], stretch: range) -> list[int]:
    finite = {i: value for i in stretch if (value := points[i][2]) is not None}
    chosen = {min(finite, key=finite.__getitem__), max(finite, key=finite.__getitem__)} if finite else set()
    if len(finite) < len(stretch):
        chosen.add(next(i for i in stretch if i not in finite))
    return sorted(chosen)
