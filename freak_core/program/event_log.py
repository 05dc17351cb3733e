"""The feed: all events of a program, numbered, journalled and sent to its server in order."""

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from freak_core.messages.event_buffer import Recent
from freak_core.messages.protocol import (
    UNRECORDED,
    Actions,
    Data,
    Event,
    EventType,
    FromProgram,
    Hello,
    Reply,
)
from freak_core.messages.state_changes import Changed, changed
from freak_core.program.metric_queue import MetricQueue
from freak_core.program.metric_sample import History
from freak_core.receipts import Receipt
from freak_core.runs.journal import Journal
from freak_core.text.strict_json import JSON, plain, writable
from freak_core.text.timestamps import now

logger: logging.Logger = logging.getLogger("freak")

Gauge = Callable[[], tuple[object, Mapping[str, object]]]
"""Returns a mark that changes whenever the program makes progress, and the facts to publish then."""


@dataclass(frozen=True, slots=True)
class _Signal:
    """A request of another thread to the feed's own; passed on to nobody."""

    kind: Literal["look", "sent", "flush", "close"]
    done: threading.Event | None = None


class Feed:
    """Takes events from any thread at the cost of an append, and sends them from a thread of its own.

    Receipts go to the journal first, then to the sink: whoever receives one can rely on it. Metrics and
    progress are sent at most ten times a second. If the sink is too slow, the oldest metrics are dropped; how
    many is published as ``unrecorded_points``.

    Args:
        journal: where receipts are kept.
        on_idle: called about once a second, between events.
    """

    def __init__(self, journal: Journal | None, on_idle: Callable[[], None] = lambda: None) -> None:
        self._journal = journal
        self._healthy = True
        self.on_idle: list[Callable[[], None]] = [on_idle]
        self._idle_due = 0.0
        self._sink: Callable[[FromProgram], None] | None = None
        self._gauge: Gauge | None = None
        self._mark_told: object = None
        self._observed: Data = {}
        self._progress: Event | None = None
        self._progress_due = 0.0
        self._must: deque[FromProgram | _Signal] = deque()
        self._metrics = MetricQueue()
        self._dropped_told = 0
        self._in_haste = False
        # Not an Event: a signal handler that interrupts its set() and calls set() itself would wait forever.
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._rung = False
        self._passing = threading.Lock()
        self._recent = Recent()
        self._state_sent: object = None
        self._history = History()  # of what _recent no longer holds
        self._seq = 0
        self._closed = False
        self._complained: set[str] = set()
        self.facts: Data = {}
        self._thread = threading.Thread(target=self._run, name="freak-feed", daemon=True)

    def start(self) -> None:
        """Start passing events on."""
        self._thread.start()

    @property
    def journal_health(self) -> str | None:
        """``"ok"``, or ``"degraded"`` while the journal cannot be written; None without a journal."""
        return _health(self._journal.healthy) if self._journal is not None else None

    # -- the program's side: never blocks --------------------------------------------------------

    def event(self, kind: EventType, data: Data) -> None:
        """Send an event that must arrive."""
        if kind == "run":
            self.facts = {**self.facts, **data}
            pending = self._progress
            if pending is not None:  # its older values of these facts must not come later
                rest = {key: value for key, value in pending["data"].items() if key not in data}
                self._progress = {**pending, "data": rest}
        self._put({"type": "event", "event": kind, "data": data})

    def progress(self, data: Data) -> None:
        """Send facts about the progress; the newest supersede all before."""
        told = {key: value for key, value in data.items() if value is not None}
        pending = self._progress
        merged = told if pending is None else {**pending["data"], **told}
        self._progress = Event(type="event", event="progress", data=merged)
        self.facts = {**self.facts, **told}
        if not self._rung:
            self._ring()

    def metrics(self, step: object, values: Mapping[str, object]) -> None:
        """Send metrics, measured now. They may be dropped if there are too many. ``values`` is not copied."""
        self._metrics.add(step, time.time(), values)
        if not self._rung:
            self._ring()

    def _ring(self) -> None:
        self._rung = True
        self._bell.put(False)

    def observe(self, gauge: Gauge) -> None:
        """Call ``gauge`` for the progress twice a second, in place of ``publish``."""
        self._gauge = gauge
        self._put(_Signal("look"))

    def tell(self, message: Reply | Actions) -> None:
        """Send a message that is not an event, after everything that was sent before."""
        self._put(message)

    def receipt(self, receipt: Receipt) -> None:
        """Send a receipt (``Listener``)."""
        self.event("receipt", receipt.model_dump(mode="json"))

    def state(self, revision: int, value: dict[str, JSON]) -> None:
        """Send the new state (``Listener``)."""
        self.event("state", {"revision": revision, "value": value})

    def _put(self, message: "FromProgram | _Signal") -> None:
        self._must.append(message)
        self._bell.put(True)

    # -- the other side --------------------------------------------------------------------------

    def hasten(self) -> None:
        """From now on, drop and count the metrics that wait: there is no time to send them."""
        self._in_haste = True

    def connect(self, hello: Callable[[], Hello], sink: Callable[[FromProgram], None] | None) -> None:
        """Send ``hello`` and the remembered events to a new sink, then every later event, without a gap."""
        with self._passing:
            self._sink = None
            if sink is not None:
                message = hello()
                self._state_sent = message.get("value")
                message["floor"], message["events"] = self._recent.floor, self._since_hello()
                message["history"] = self._history.told()
                told = self._published({**self.facts, **self._observed, **self._dropped()})
                message["run"] = {**message["run"], **told, "journal": self.journal_health}
                for receipt in message["receipts"]:
                    self._mark(receipt)
                sink(message)
            self._sink = sink

    def _since_hello(self) -> list[Event]:
        """Return the remembered events as a server takes them after the state in ``hello``."""
        events = []
        before = self._state_sent
        for event in self._recent:
            if event["event"] == "state":
                events.append(_sparing(event, changed(before, event["data"]["value"])))
                before = event["data"]["value"]
            else:
                events.append(event)
        return events

    def flush(self, timeout: float, *, measured: bool = True) -> bool:
        """Wait up to ``timeout`` seconds until everything is sent; return whether it was.

        Without ``measured``, it does not wait for metrics and progress.
        """
        if not self._thread.is_alive():
            return False
        done = threading.Event()
        self._put(_Signal("flush" if measured else "sent", done))
        return done.wait(timeout)

    def close(self, timeout: float) -> None:
        """Send what is left, end the thread within ``timeout`` seconds, and close the journal."""
        if self._thread.is_alive():
            self._put(_Signal("close"))
            self._thread.join(timeout)
        self._closed = True
        if not self._thread.is_alive():  # else the disk hangs, and closing the file would hang too
            self._close_journal()

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _run(self) -> None:
        while not self._closed:
            self._await_bell()
            self._call(self._pass_on)
            if time.monotonic() >= self._idle_due:
                self._idle_due = time.monotonic() + 1.0
                for function in self.on_idle:
                    self._call(function)
        self._close_journal()

    @staticmethod
    def _call(function: Callable[[], None]) -> None:
        """Call what may run the program's own code; whatever it raises, this thread goes on."""
        try:
            function()
        except BaseException:
            logger.exception("Freak could not do what it does once a second; it will try again")

    def _await_bell(self) -> None:
        """Wait up to a second for something to send; what is not urgent waits until more has gathered."""
        earliest = time.monotonic() + 0.1
        with contextlib.suppress(queue.Empty):
            urgent = self._bell.get(timeout=1.0 if self._gauge is None else 0.5)
            while not urgent:
                urgent = self._bell.get(timeout=max(0.0, earliest - time.monotonic()))
        with contextlib.suppress(queue.Empty):
            while True:
                self._bell.get_nowait()
        self._rung = False

    def _pass_on(self) -> None:
        self._tell_health()
        while self._must:
            if (signal := self._pass_messages()) is not None:
                self._must.popleft()
                self._heed(signal)
            self._tell_health()
        self._pass_on_measured()

    def _pass_messages(self) -> _Signal | None:
        """Pass on what must arrive, up to the next signal that asks for more than that; return the signal."""
        while self._must:
            message = self._must[0]
            if isinstance(message, _Signal) and message.kind != "sent":
                return message
            self._must.popleft()
            if not isinstance(message, _Signal):
                self._pass(message)
            elif message.done is not None:
                message.done.set()
            self._tell_health()
        return None

    def _heed(self, signal: "_Signal") -> None:
        """Do what another thread waits for; to ``look``, waking up is enough."""
        if signal.kind == "look":
            return
        if signal.kind == "flush":
            self._progress_due = 0.0
        self._pass_on_measured()
        self._closed = self._closed or signal.kind == "close"
        if signal.done is not None:
            signal.done.set()

    def _tell_health(self) -> None:
        if self._journal is not None and self._journal.healthy != self._healthy:
            self._healthy = self._journal.healthy
            self.event("run", {"journal": _health(self._healthy)})

    def _pass_on_measured(self) -> None:
        for _ in range(len(self._metrics)):  # it may be many: a receipt does not wait for them
            if self._must:
                self._pass_messages()
            if self._in_haste:
                self._metrics.drop_all()
                break
            if metrics := self._metrics.take():
                self._pass(metrics)
        if time.monotonic() >= self._progress_due or self._closed or self._in_haste:
            progress, self._progress = self._progress, None
            if self._metrics.dropped != self._dropped_told:
                self._dropped_told = self._metrics.dropped
                told = progress["data"] if progress is not None else {}
                progress = Event(type="event", event="progress", data={**told, **self._dropped()})
            if progress is not None:
                self._pass(progress)
            if progress is not None or self._gauge is not None:
                self._progress_due = time.monotonic() + 0.5
            self._look()

    def _dropped(self) -> Data:
        return {UNRECORDED: self._dropped_told} if self._dropped_told else {}

    def _look(self) -> None:
        if self._gauge is None:
            return
        try:
            mark, facts = self._gauge()
        except BaseException:  # the program's own code
            logger.exception("the progress function of the program failed; it is not called again")
            self._gauge = None
            return
        if mark != self._mark_told:  # an event of its own: another thread may be writing ``_progress``
            self._mark_told, self._observed = mark, dict(facts)
            self._pass({"type": "event", "event": "progress", "data": dict(facts)})

    def _pass(self, message: FromProgram) -> None:
        try:
            with self._passing:
                if message["type"] == "event":
                    message = self._number(message)
                elif message["type"] == "reply":
                    self._mark(message.get("receipt") or message.get("problem", {}).get("receipt"))
                if self._sink is not None:
                    self._sink(message)
        except OSError:
            self._sink = None
        except BaseException:  # the program's values may do anything; what follows must go on
            logger.exception("Freak drops an event that it cannot pass on")

    def _number(self, message: Event) -> Event:
        """Give an event its number and remember it. Returns it as it is sent."""
        if message["event"] == "receipt" and self._journal is not None:
            safe = self._journal.append(message["data"])
            message["data"]["journal"] = _health(safe)
        elif message["event"] in ("run", "metrics", "progress"):
            message["data"] = self._published(message["data"])
            if message["event"] == "run" and "phase" in message["data"] and self._journal is not None:
                self._journal.append({"at": now(), **message["data"]})
        self._seq += 1
        message["seq"] = self._seq
        sent = message
        if message["event"] == "state":
            sent = _sparing(message, changed(self._state_sent, message["data"]["value"]))
            self._state_sent = message["data"]["value"]
        for forgotten in self._recent.add(message):
            if forgotten["event"] == "metrics":
                self._history.note(forgotten)
        return sent

    def _published(self, data: Data) -> Data:
        """Return facts as JSON. A step or an epoch that is no number is left out: servers compare it."""
        facts = _facts(data)
        for name in ("step", "epoch"):
            if facts.get(name) is None or isinstance(facts[name], int | float):
                continue
            if name not in self._complained:
                self._complained.add(name)
                logger.warning(
                    "the program published %s=%.100r, which is no number; it is left out", name, facts[name]
                )
            if "values" in facts:
                facts[name] = None
            else:
                del facts[name]
        return facts

    def _mark(self, receipt: Data | None) -> None:
        """Note on a receipt whether the journal has it. A dry run has no number and is not in the journal."""
        if self._journal is not None and receipt and receipt.get("seq"):
            receipt["journal"] = _health(self._journal.holds(receipt["id"]))


def _sparing(event: Event, made: Changed) -> Event:
    """Return a state event with what has changed in the place of the state."""
    rest = {name: value for name, value in event["data"].items() if name != "value"}
    return {**event, "data": {**rest, "changed": made}}


def _health(healthy: bool) -> str:
    return "ok" if healthy else "degraded"


def _facts(data: Data) -> Data:
    """Return what JSON knows in place of what a program publishes: NumPy scalars, tensors, paths."""
    return {writable(str(name)): _fact(value) for name, value in data.items()}


def _fact(value: object) -> object:
    if isinstance(value, dict):
        return _facts(value)
    return float(value) if isinstance(value, Decimal) else plain(value, text=str)
