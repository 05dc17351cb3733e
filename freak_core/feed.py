"""The feed: everything a program tells about itself, numbered, journalled, passed on in order."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from freak_core.journal import Journal
from freak_core.receipts import Receipt
from freak_core.strict_json import JSON
from freak_core.wire import EventType, Message

logger = logging.getLogger("freak")

KEEP = 2000
"""How many events a reader may have missed and still catch up without a reset."""


class Feed:
    """Takes events from any thread at the cost of an append, and passes them on from a thread of its own.

    Receipts go to the journal first, then to the sink, so whoever hears of one can rely on it. Metrics and
    progress go out at most ten times a second and are dropped, oldest first, when nobody takes them.

    Args:
        journal: where receipts are kept.
        on_idle: called about once a second, between events.
    """

    def __init__(self, journal: Journal | None, on_idle: Callable[[], None] = lambda: None) -> None:
        self._journal = journal
        self._on_idle = on_idle
        self._sink: Callable[[Message], None] | None = None
        self._progress: Message | None = None
        self._progress_due = 0.0
        self._must: deque[Message] = deque()
        self._may: deque[Message] = deque(maxlen=1000)
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._drained = threading.Condition()
        self._passing = threading.Lock()
        self._kept: deque[Message] = deque(maxlen=KEEP)
        self._floor = 0
        self._seq = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="freak-feed", daemon=True)

    def start(self) -> None:
        """Start passing events on."""
        self._thread.start()

    # -- the program's side: never blocks --------------------------------------------------------

    def event(self, kind: EventType, data: Any) -> None:
        """Tell an event that must arrive."""
        self._put({"type": "event", "event": kind, "data": data})

    def measure(self, kind: EventType, data: dict[str, Any]) -> None:
        """Tell an event that may be dropped when there are too many."""
        message = {"type": "event", "event": kind, "data": data}
        if kind == "progress":
            self._progress = message  # the newest supersedes all before it
        else:
            self._may.append(message)
        if not self._wake.is_set():
            self._wake.set()

    def tell(self, message: Message) -> None:
        """Send a message that is no event, such as a reply, after everything that was told before."""
        self._put(message)

    def receipt(self, receipt: Receipt) -> None:
        """Tell a receipt (``store.Listener``)."""
        self.event("receipt", receipt.model_dump(mode="json"))

    def state(self, revision: int, value: dict[str, JSON]) -> None:
        """Tell the new state (``store.Listener``)."""
        self.event("state", {"revision": revision, "value": value})

    def _put(self, message: Message) -> None:
        self._must.append(message)
        self._wake.set()
        self._urgent.set()

    # -- the other side --------------------------------------------------------------------------

    def connect(self, hello: Callable[[], Message], sink: Callable[[Message], None] | None) -> None:
        """Send ``hello`` and what is remembered to a new sink, then every event after it, gapless."""
        with self._passing:
            self._sink = None
            if sink is not None:
                sink({**hello(), "floor": self._floor, "events": list(self._kept)})
            self._sink = sink

    def flush(self, timeout: float) -> bool:
        """Wait until everything told so far is passed on; return whether it was, in time."""
        self._wake.set()
        self._urgent.set()
        with self._drained:
            return self._drained.wait_for(lambda: not self._must and not self._may, timeout)

    def close(self, timeout: float) -> None:
        """Pass on what is left, within ``timeout`` seconds, and end the thread."""
        if self._thread.is_alive():
            self.flush(timeout)
            self._closed = True
            self._put({"type": "closed"})
            self._thread.join(timeout)
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(1.0)
            self._wake.clear()
            self._pass_on()
            self._on_idle()
            self._urgent.wait(0.1)
            self._urgent.clear()

    def _pass_on(self) -> None:
        if self._progress is not None and (time.monotonic() >= self._progress_due or self._closed):
            message, self._progress = self._progress, None
            self._progress_due = time.monotonic() + 0.5
            self._may.append(message)
        while self._must or self._may:
            message = self._must[0] if self._must else self._may[0]
            if message["type"] != "closed":
                self._pass(message)
            (self._must if self._must and self._must[0] is message else self._may).popleft()
        with self._drained:
            self._drained.notify_all()

    def _pass(self, message: Message) -> None:
        with self._passing:
            if message["type"] == "event":
                self._number(message)
            if self._sink is None:
                return
            try:
                self._sink(message)
            except OSError:
                self._sink = None

    def _number(self, message: Message) -> None:
        self._seq += 1
        message["seq"] = self._seq
        if message["event"] == "receipt" and self._journal is not None:
            safe = self._journal.append(message["data"])
            message["data"]["journal"] = "ok" if safe else "degraded"
        if len(self._kept) == KEEP:
            self._floor = self._kept[0]["seq"]
        self._kept.append(message)
