"""The newest events, from which a reader that lost its connection can catch up."""

from collections import deque
from collections.abc import Iterable, Iterator

from freak_core.protocol import Event
from freak_core.strict_json import dumps

KEEP = 2000
"""How many events are kept."""

KEEP_BYTES = 8_000_000
"""How many bytes of JSON they may have together: each change of a large state is a large event."""


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
        return None if seq < self.floor else [event for event in self if event.get("seq", 0) > seq]

    @property
    def position(self) -> int:
        """The number of the newest event."""
        return self._events[-1][1].get("seq", 0) if self._events else self.floor


def _size(event: Event) -> int:
    """Return the size of an event in bytes; metrics are estimated, since there are many."""
    data = event["data"]
    if event["event"] == "metrics":
        return 100 + 30 * len(data["values"])
    return len(dumps(data))
