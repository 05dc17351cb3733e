"""The metrics that a program has published and its server does not have yet: a queue with limited room."""

import threading
from collections import deque
from collections.abc import Mapping

from freak_core.messages.protocol import Event

ROOM = 250_000
"""Values that wait at most; each call counts as four more. They take about 17 MB."""

_CALL = 4

Published = tuple[object, float, Mapping[str, object]]
"""What one call has published: step, seconds since the epoch, values."""


class MetricQueue:
    """Takes metrics from any thread at the cost of an append. If there is no room, the oldest are dropped.

    They are dropped where they are also taken from. So a loop that always publishes faster than the points
    can be sent loses some everywhere, and not a whole stretch of its curve.
    """

    def __init__(self) -> None:
        self._waiting: deque[Published] = deque()
        self._counting = threading.RLock()  # a signal handler may publish, too
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """How many points were dropped so far."""
        return self._dropped

    def add(self, step: object, at: float, values: Mapping[str, object]) -> None:
        """Add what one call has published. Does not block."""
        if len(self._waiting) * (len(values) + _CALL) > ROOM:
            self._drop_oldest()
        self._waiting.append((step, at, values))

    def take(self) -> Event | None:
        """Return the oldest metrics as an event; None if there are none."""
        try:
            step, at, values = self._waiting.popleft()
        except IndexError:
            return None
        return {"type": "event", "event": "metrics", "data": {"step": step, "at": at, "values": values}}

    def drop_all(self) -> None:
        """Drop and count what waits now."""
        for _ in range(len(self._waiting)):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            _, _, values = self._waiting.popleft()
        except IndexError:  # another thread has just taken it
            return
        with self._counting:
            self._dropped += len(values)
