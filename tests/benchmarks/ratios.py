"""Ratios: paired measurements, their median and spread, and what they say about a target."""

import math
import statistics
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def quietest_half(values: Sequence[float], disturbed: Sequence[float]) -> list[float]:
    """Return the half of ``values`` in whose making other programs took least of the machine."""
    ordered = sorted(range(len(values)), key=lambda i: disturbed[i])
    return [values[i] for i in ordered[: math.ceil(len(values) / 2)]]


class Ratios:
    """Ratios of measurements that were made one right after the other, in random order."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = list(values)
        self.median = statistics.median(self.values)

    def __str__(self) -> str:
        low, high = quantile(self.values, 0.25), quantile(self.values, 0.75)
        return f"{self.median:.3f} ({low:.3f} to {high:.3f})"

    def certain(self) -> tuple[float, float]:
        """Return the 95% confidence interval of the median, from order statistics (binomial)."""
        share = 0.98 / math.sqrt(len(self.values))
        return quantile(self.values, max(0.0, 0.5 - share)), quantile(self.values, min(1.0, 0.5 + share))

    def against(self, target: float) -> str:
        """Return the target, whether the median reaches it, and whether chance alone could say otherwise."""
        low, high = self.certain()
        verdict = "reached" if self.median >= target else "**missed**"
        doubt = ", within noise" if low < target < high else ""
        return f"≥ {target:g}: {verdict}{doubt}"
