"""A sample of old metrics, for a server that is started again."""

from collections.abc import Iterator

from freak_core.messages.protocol import Data, Event

MOST_KINDS = 200
"""How many sets of metrics to remember: a program with a new name for each value must not fill the memory."""


class History:
    """Every n-th event of each set of metrics that are told together; n doubles as there are more.

    Peaks may be missed: finding them would cost the program more than telling its metrics does.

    Args:
        keep: events to remember of each set.
    """

    def __init__(self, keep: int = 500) -> None:
        self._keep = keep
        self._kinds: dict[tuple[str, ...], _EveryNth] = {}

    def note(self, event: Event) -> None:
        """Remember a metrics event, if it is the next n-th of its set."""
        names = tuple(event["data"]["values"])
        if names not in self._kinds:
            if len(self._kinds) == MOST_KINDS:
                return
            self._kinds[names] = _EveryNth(self._keep)
        self._kinds[names].note(event)

    def told(self) -> list[Data]:
        """Return what is remembered, oldest first, each with how many events it stands for."""
        found = [
            (event.get("seq", 0), every.n, event["data"]) for every in self._kinds.values() for event in every
        ]
        found.sort(key=lambda event: event[0])
        return [{**data, "stands_for": n} for _, n, data in found]


class _EveryNth:
    def __init__(self, keep: int) -> None:
        self.n = 1
        self._keep = keep
        self._seen = 0
        self._events: list[Event] = []

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def note(self, event: Event) -> None:
        if self._seen % self.n == 0:
            self._events.append(event)
            if len(self._events) > self._keep:
                del self._events[1::2]
                self.n *= 2
        self._seen += 1
