"""Thinning: fewer points of a metric, with its highs and lows."""

from bisect import bisect_left
from collections.abc import Sequence

Point = tuple[float | None, float, float | None]
"""(step, seconds since the epoch, value); a value that is not finite is None."""


def thin(values: Sequence[float | None], ordinals: Sequence[int], at_most: int) -> Sequence[int]:
    """Return the indices of the points to keep: the first, the last, and some of each stretch between.

    Of a stretch, its lowest point, its highest point and its first point that is not finite are kept.

    Args:
        values: of the points, in their order; None for one that is not finite.
        ordinals: of each point; stretches are equally long in these.
        at_most: how many to return; at least five.
    """
    last = len(values) - 1
    if last < at_most:
        return range(last + 1)
    stretches = (at_most - 2) // (3 if None in values else 2)
    begin, span = ordinals[0] + 1, ordinals[last] - ordinals[0] - 1
    kept, start = [0], 1
    for i in range(1, stretches + 1):
        end = bisect_left(ordinals, begin + i * span / stretches, start, last)
        kept += _telling(values[start:end], start)
        start = end
    return [*kept, last]


def _telling(stretch: Sequence[float | None], start: int) -> list[int]:
    finite = [value for value in stretch if value is not None]
    chosen = {stretch.index(min(finite)), stretch.index(max(finite))} if finite else set()
    if len(finite) < len(stretch):
        chosen.add(stretch.index(None))
    return [start + i for i in sorted(chosen)]
