"""The newest events, from which a reader that lost its connection can catch up."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator

from freak_core.messages.protocol import Event

KEEP = 2000
"""How many events are kept."""

KEEP_BYTES = 8_000_000
"""About how many bytes of JSON they may have together: each change of a large state is a large event."""

_SAMPLE = 1000


class Recent:
    """The newest events, in their order; at least the very newest.

    Args:
        events: to begin with.
        floor: the number of the event before the oldest of these.

    Attributes:
        floor: the number of the newest event that is forgotten.
    """

    def __init__(self, events: Iterable[Event] = (), floor: int = 0) -> None:
        self.floor: int = floor
        self._events: deque[tuple[int, Event]] = deque()
        self._bytes = 0
        for event in events:
            self.add(event)

    def __iter__(self) -> Iterator[Event]:
        return (event for _, event in self._events)

    def add(self, event: Event) -> list[Event]:
        """Keep an event and return those that are forgotten for it."""
        size = _size(event)
        self._events.append((size, event))
        self._bytes += size
        forgotten = []
        while len(self._events) > KEEP or (self._bytes > KEEP_BYTES and len(self._events) > 1):
            size, oldest = self._events.popleft()
            self._bytes -= size
            self.floor = oldest.get("seq", 0)
            forgotten.append(oldest)
        return forgotten

    def since(self, seq: int) -> list[Event] | None:
        """Return the events after ``seq``, or None where some of them are forgotten."""
        if seq < self.floor:
            return None
        newer = (event for _, event in reversed(self._events))
        return list(itertools.takewhile(lambda event: event.get("seq", 0) > seq, newer))[::-1]

    @property
    def position(self) -> int:
        """The number of the newest event."""
        return self._events[-1][1].get("seq", 0) if self._events else self.floor


def _size(event: Event) -> int:
    """Return about how many bytes an event has; metrics are not looked at, since there are many."""
    data = event["data"]
    return 100 + 30 * len(data["values"]) if event["event"] == "metrics" else _bytes(data)


def _bytes(value: object) -> int:
    """Return about how many bytes a value has as JSON. Of many items, only the first ones are looked at."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, dict):
        inside = [part for item in itertools.islice(value.items(), _SAMPLE) for part in item]
    elif isinstance(value, list):
        inside = value[:_SAMPLE]
    else:
        return len(str(value)) if isinstance(value, float) else 20
    size = sum(map(_bytes, inside)) + len(inside)
    return 2 + (size if len(value) <= _SAMPLE else size * len(value) // _SAMPLE)
