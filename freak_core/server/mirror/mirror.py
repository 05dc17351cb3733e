"""The mirror: a copy of the program's state, receipts and events. Reads are answered from it."""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from freak_core.errors import NotFound, Unreachable, refusal
from freak_core.messages.event_buffer import Recent
from freak_core.messages.protocol import (
    ActionInfo,
    Data,
    Event,
    EventType,
    FromProgram,
    Hello,
    Order,
    Reply,
    Request,
)
from freak_core.messages.state_changes import with_changes
from freak_core.phases import ENDED, LOST, arrived
from freak_core.receipt_history import ReceiptHistory
from freak_core.receipts import Receipt
from freak_core.runs.lost_requests import as_lost
from freak_core.server.mirror.large_texts import LargeTexts
from freak_core.server.mirror.metric_history import History, Series
from freak_core.server.mirror.progress_rate import Pace
from freak_core.text.strict_json import JSON

ANSWER_WITHIN = 10.0
"""Seconds that the program has to answer a write; then the client gets 503."""

BEGIN_WITHIN = 9.0
"""Seconds that the program has to begin with a write: later it does not, since the client gets 503."""


class Mirror:
    """A copy of the program's state, receipts and events. Any thread may feed it with messages.

    Args:
        send: sends a request to the program; must not block.
    """

    def __init__(self, send: Callable[[Request], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._waiters: dict[asyncio.AbstractEventLoop, set[asyncio.Event]] = {}
        self._woken: set[asyncio.AbstractEventLoop] = set()
        self._replies: dict[str, Reply] = {}
        self._expected: set[str] = set()
        self.boot: str = ""
        self.prefix: str = ""
        self.schema: Data = {}
        self.actions: Mapping[str, ActionInfo] = {}
        self.revision: int = 0
        self.value: JSON = None
        self.run: Data = {}
        self.receipts: ReceiptHistory = ReceiptHistory()
        self.recent: Recent = Recent()
        self.ended: bool = False
        self.series: Series = Series()
        self._pace = Pace()
        self._texts = LargeTexts()
        self._written: dict[int, bytes] = {}

    # -- messages from the program ----------------------------------------------------------------------

    def receive(self, message: FromProgram) -> None:
        """Store one message from the program."""
        with self._lock:
            match message["type"]:
                case "hello":
                    self._hello(message)
                case "event":
                    self._event(message)
                case "actions":
                    self.actions = message["actions"]
                case "reply" if message["id"] in self._expected:
                    self._replies[message["id"]] = message
            self._wake()

    def end(self) -> None:
        """Note that the program has ended: event streams end, writes are refused."""
        with self._lock:
            self.ended = True
            self._wake()

    def lose(self, ends: Mapping[str, Data] | None = None) -> None:
        """Note that the program is gone; if it has not said how it ended, the run is lost.

        Args:
            ends: the last receipts of its requests, by id. Those that are not in it have failed. None if it
                is not certain that the program has ended: then they stay accepted.
        """
        with self._lock:
            if not self.ended and self.run.get("phase") not in ENDED:
                if ends is not None:
                    for receipt in self.receipts.waiting():
                        lost = as_lost(receipt.model_dump(mode="json"))
                        self._add("receipt", ends.get(receipt.id, lost))
                told = {"error": self.run["error"]} if self.run.get("error") else {}
                self._add("run", {**LOST, **told})
            self.ended = True
            self._wake()

    def _add(self, kind: EventType, data: Data) -> None:
        """Note an event that the program did not send."""
        self._event({"type": "event", "event": kind, "data": data, "seq": self.recent.position + 1})

    def _hello(self, message: Hello) -> None:
        self.boot, self.prefix = message["boot"], message["prefix"]
        self.schema, self.actions, self.run = message["schema"], message["actions"], message["run"]
        self.receipts = ReceiptHistory(map(Receipt.model_validate, message["receipts"]))
        self.revision, self.value = message["revision"], message["value"]
        self.recent = Recent((), message["floor"])
        self._written = {}
        before = self.value
        for event in message["events"]:
            whole = _with_state(event, before)
            self.recent.add(whole)
            before = whole["data"]["value"] if event["event"] == "state" else before
        self.ended = False
        self._pace = Pace()
        self.series = Series()
        for told in message["history"]:
            self.series.note(**told)
        for event in self.recent:
            if event["event"] == "metrics":
                self.series.note(event["data"]["step"], event["data"]["at"], event["data"]["values"])
        if "step" in self.run:
            self._pace.note(self.run["step"])

    def _event(self, event: Event) -> None:
        event = _with_state(event, self.value)
        data = event["data"]
        match event["event"]:
            case "state":
                self.revision, self.value = data["revision"], data["value"]
            case "receipt":
                self.receipts.put(Receipt.model_validate(data))
            case "run":
                self.run = {**self.run, **data}
                self._pace.enter(data.get("phase"))
            case "metrics":
                self.series.note(data["step"], data["at"], data["values"])
            case "progress":
                self.run = {**self.run, **{k: v for k, v in data.items() if v is not None}}
                self._pace.enter(data.get("phase"))
                self._pace.note(data.get("step"))
        for forgotten in self.recent.add(event):
            self._written.pop(forgotten["seq"], None)

    def _wake(self) -> None:
        """Wake all that wait, with one call for each event loop: hundreds may wait."""
        for loop in self._waiters.keys() - self._woken:
            with contextlib.suppress(RuntimeError):  # the event loop is closed, so nobody waits in it
                loop.call_soon_threadsafe(self._tell, loop)
                self._woken.add(loop)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._woken.discard(loop)
            waiting = tuple(self._waiters.get(loop, ()))
        for event in waiting:
            event.set()

    # -- questions from the routes ---------------------------------------------------------------------

    async def current(self) -> tuple[int, JSON]:
        """Return revision and value of the state now."""
        with self._lock:
            return self.revision, self.value

    def snapshot(self) -> tuple[int, Data]:
        """Return the number of the newest event, and state and run after it."""
        with self._lock:
            run = self._run_info()
            return self.recent.position, {"revision": self.revision, "value": self.value, "run": run}

    def run_info(self) -> dict[str, object]:
        """Return what ``GET /run`` says: facts of the run, steps per second, number of pending requests."""
        with self._lock:
            return self._run_info()

    def _run_info(self) -> dict[str, object]:
        pending = self.receipts.pending
        return {**self.run, "revision": self.revision, "pending": pending, **self._pace.facts(self.run)}

    async def arrived(
        self, step: int | None, epoch: int | None, phase: str | None, within: float
    ) -> dict[str, object]:
        """Return ``run_info()`` once step, epoch and phase are reached, the run has ended, or time is up."""
        with self.news() as news:
            await self._until(news, lambda: arrived(self.run, step, epoch, phase), within)
        return self.run_info()

    def measured(self) -> tuple[dict[str, float | None], dict[str, int]]:
        """Return the newest value of each metric, and the number of requests that have ended, by status."""
        with self._lock:
            return self.series.newest(), dict(self.receipts.ended)

    def histories(self, names: str | None) -> dict[str, History]:
        """Return the histories of the metrics named, separated by commas; of all if ``names`` is None."""
        with self._lock:
            if names is None:
                return self.series.copy()
            return self.series.copy([names]) or self.series.copy(names.split(","))

    def receipt(self, receipt_id: str) -> Receipt:
        """Return a receipt.

        Raises:
            NotFound: there is no such receipt among those that are remembered.
        """
        with self._lock:
            found = self.receipts.get(receipt_id)
        if found is None:
            raise NotFound(f"there is no receipt {receipt_id!r} among the newest; the journal has them all")
        return found

    def receipts_since(self, seq: int, limit: int) -> list[Receipt]:
        """Return the receipts numbered above ``seq``, oldest first."""
        with self._lock:
            return self.receipts.since(seq, limit)

    def events_since(self, seq: int) -> list[Event] | None:
        """Return the events after ``seq``; None if some of them are forgotten."""
        with self._lock:
            return self.recent.since(seq)

    def as_json(self, value: object) -> str:
        """Return a value of the state, or one that contains it, as JSON."""
        return self._texts.dumps(value)

    def written(self, event: Event, write: Callable[[Event], bytes]) -> bytes:
        """Return what ``write`` makes of an event; it is made once, however many streams send it."""
        with self._lock:
            known = self._written.get(event["seq"])
        if known is None:
            known = write(event)
            with self._lock:
                if event["seq"] > self.recent.floor:
                    self._written[event["seq"]] = known
        return known

    def position(self) -> int:
        """Return the number of the newest event."""
        with self._lock:
            return self.recent.position

    @contextlib.contextmanager
    def news(self) -> Iterator[asyncio.Event]:
        """Give an ``asyncio.Event`` that is set whenever a message arrives."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiters.setdefault(loop, set()).add(event)
        try:
            yield event
        finally:
            with self._lock:
                self._waiters[loop].discard(event)
                if not self._waiters[loop]:
                    del self._waiters[loop]

    async def request(self, order: Order) -> Receipt:
        """Send a write to the program; return the receipt that it answers with.

        Raises:
            Refused: the program refused the write.
            Unreachable: the program has ended or does not answer; it does not begin with the write later.
        """
        request_id = secrets.token_hex(8)
        with self.news() as news:
            with self._lock:
                if self.ended:
                    raise Unreachable("the program is gone")
                self._expected.add(request_id)
            try:
                deadline = time.monotonic() + BEGIN_WITHIN
                self._send({"type": "request", "id": request_id, "deadline": deadline, **order})
                await self._until(news, lambda: request_id in self._replies, ANSWER_WITHIN)
                reply = self._replies.get(request_id)
            finally:
                with self._lock:
                    self._expected.discard(request_id)
                    self._replies.pop(request_id, None)
        if reply is None:
            gone = "is gone" if self.ended else f"did not answer within {ANSWER_WITHIN:.0f} s"
            raise Unreachable(
                f"the program {gone}; it will not begin with the request any more. "
                "If it has begun already, you learn that if you repeat it with the same Idempotency-Key"
            )
        if "problem" in reply:
            raise refusal(reply["problem"])
        return Receipt.model_validate(reply["receipt"])

    async def settled(self, receipt: Receipt, within: float) -> Receipt:
        """Return the newest receipt of a request once it has ended, or after ``within`` seconds."""

        def latest() -> Receipt:
            return self.receipts.get(receipt.id) or receipt

        with self.news() as news:
            await self._until(news, lambda: latest().settled, within)
        return latest()

    async def _until(self, news: asyncio.Event, condition: Callable[[], bool], within: float) -> None:
        boot = self.boot
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not condition() and not self.ended and self.boot == boot:
                    await news.wait()
                    news.clear()


def _with_state(event: Event, before: object) -> Event:
    """Return an event with the whole state, where it has what changed since ``before``."""
    if event["event"] != "state" or "changed" not in event["data"]:
        return event
    revision, made = event["data"]["revision"], event["data"]["changed"]
    data = {"revision": revision, "value": with_changes(before, made)}
    return {**event, "data": data}
