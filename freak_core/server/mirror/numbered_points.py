"""The points of metrics as they are recorded: numbered by segment, and gathered into batches."""

import math
from collections.abc import Iterable, Iterator, Mapping

from freak_core.messages.protocol import Event
from freak_core.runs.metric_parts import MOST_VALUES, Batch
from freak_core.server.mirror.metric_history import MOST_METRICS

LastPoint = tuple[float | None, float, float | None]


class NumberedPoints:
    """Gives each point the number of its segment.

    A new segment begins when a metric gets a point with an earlier step than its last one in this segment.

    Attributes:
        newest: the last point of each metric: step, seconds since the epoch, value.
        segment_of: the segment of that point.
        segments: how many segments there are.
        seq: the number of the newest event.
    """

    def __init__(self) -> None:
        self.newest: dict[str, LastPoint] = {}
        self.segments: int = 0
        self.seq: int = 0
        self.segment_of: dict[str, int] = {}

    def go_on_after(self, batch: Batch) -> None:
        """Go on after a batch that another recorder has written."""
        self.seq = max(self.seq, batch.seq)
        self.segments = max(self.segments, batch.segment + 1)
        for name, values in zip(batch.names, batch.values, strict=True):
            if values:
                self.newest[name] = (batch.step[-1], batch.at[-1], values[-1])
                self.segment_of[name] = batch.segment

    def batches(self, events: Iterable[Event]) -> Iterator[Batch]:
        """Yield the points of metrics events. Those that were reported together share a batch."""
        open_batches: dict[tuple[str, ...], Batch] = {}
        size = 0
        for event in events:
            self.seq = max(self.seq, event.get("seq", 0))
            values = self._numbers(event["data"]["values"])
            if not values:
                continue
            step, at = _finite(event["data"]["step"]), round(event["data"]["at"], 3)
            names = tuple(values)
            new_segment = self._goes_back(names, step)
            mixed = names not in open_batches and any(set(names) & set(other) for other in open_batches)
            if new_segment or mixed or size > MOST_VALUES:  # the points of a metric stay in their order
                yield from open_batches.values()
                open_batches, size = {}, 0
            self.segments = max(1, self.segments + new_segment)
            if names not in open_batches:
                open_batches[names] = Batch(self.seq, self.segments - 1, names, [], [], [[] for _ in names])
            batch = open_batches[names]
            batch.add(self.seq, step, at, values.values())
            size += len(names)
            for name, value in values.items():
                self.newest[name] = (step, at, value)
                self.segment_of[name] = self.segments - 1
        yield from open_batches.values()

    def _goes_back(self, names: Iterable[str], step: float | None) -> bool:
        if step is None:
            return False
        for name in names:
            last = self.newest.get(name, (None, 0.0, None))[0]
            if last is not None and step < last and self.segment_of.get(name) == self.segments - 1:
                return True
        return False

    def _numbers(self, values: Mapping[str, object]) -> dict[str, float | None]:
        """Return the values that are numbers; None for one that is not finite."""
        found: dict[str, float | None] = {}
        for name, value in values.items():
            if value is not None and not isinstance(value, int | float):
                continue
            if name not in self.newest and len(self.newest) + len(found) >= MOST_METRICS:
                continue
            found[name] = _finite(value)
        return found


def _finite(value: float | None) -> float | None:
    """Return a number that every reader knows; None for NaN, infinity, and what is larger than any float."""
    try:
        return value if value is not None and math.isfinite(value) else None
    except OverflowError:
        return None
