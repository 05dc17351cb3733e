"""The feed with a reader that is slow, stuck or away: bounded, complete in what must arrive, in order."""

import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freak_core.messages.event_buffer import KEEP
from freak_core.messages.protocol import Message
from freak_core.program.event_log import Feed
from freak_core.receipts import Receipt
from freak_core.runs.journal import Journal, read_journal
from tests.waiting import eventually


class Reader:
    """Takes messages, unless it is stuck."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.moving = threading.Event()
        self.moving.set()

    def __call__(self, message: Message) -> None:
        """Take one message, once it may."""
        self.moving.wait(30)
        self.messages.append(message)

    def events(self, kind: str) -> list[Any]:
        """Return the data of the events of one kind."""
        return [message["data"] for message in self.messages if message.get("event") == kind]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal on disk."""
    journal = Journal(tmp_path / "journal.jsonl")
    yield journal
    journal.close()


def started(feed: Feed, reader: Reader) -> Feed:
    """Connect and start a feed."""
    feed.connect(lambda: {"type": "hello", "run": {}, "receipts": []}, reader)
    feed.start()
    return feed


def test_a_hundred_thousand_metrics_for_a_stuck_reader_take_little_memory(journal: Journal) -> None:
    """Old metrics are dropped and counted, receipts never."""
    reader = Reader()
    feed = started(Feed(journal), reader)
    reader.moving.clear()
    receipts = [Receipt(kind="patch", seq=number) for number in range(1, 51)]
    tracemalloc.start()
    for step in range(100_000):
        feed.metrics(step, {"loss": 0.5})
        feed.progress({"step": step, "epoch": None})
        if step % 2000 == 0:
            feed.receipt(receipts[step // 2000])
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now < 20_000_000
    reader.moving.set()
    assert feed.flush(10)
    assert [receipt["id"] for receipt in reader.events("receipt")] == [receipt.id for receipt in receipts]
    steps = [data["step"] for data in reader.events("metrics")]
    assert 20_000 <= len(steps) <= 60_000
    assert reader.events("progress")[-1]["unrecorded_points"] == 100_000 - len(steps)
    assert steps == sorted(set(steps))
    assert steps[-1] == 99_999
    assert [entry["seq"] for entry in read_journal(journal.path)] == list(range(1, 51))
    feed.close(5)


def test_every_point_of_four_threads_is_sent_or_counted() -> None:
    """Also while the reader takes them, and where some calls have many values."""
    reader = Reader()
    feed = started(Feed(None), reader)
    wide = {f"m{number}": 1.0 for number in range(50)}

    def publish(values: dict[str, float]) -> None:
        for step in range(60_000 // len(values)):
            feed.metrics(step, dict(values))

    threads = [threading.Thread(target=publish, args=(values,)) for values in ({"loss": 1.0}, wide) * 2]
    for thread in threads:
        thread.start()
    reader.moving.clear()
    for thread in threads:
        thread.join(60)
    reader.moving.set()
    assert feed.flush(30)
    sent = sum(len(data["values"]) for data in reader.events("metrics"))
    counted = reader.events("progress")[-1]["unrecorded_points"]
    assert counted > 0
    assert sent + counted == 4 * 60_000
    feed.close(5)


def test_a_receipt_does_not_wait_for_metrics_before_it() -> None:
    """A queue of many metrics is passed on after what must arrive."""
    reader = Reader()
    feed = started(Feed(None), reader)
    reader.moving.clear()
    for step in range(20_000):
        feed.metrics(step, {"loss": 1.0})
    feed.receipt(Receipt(kind="patch", seq=1))
    reader.moving.set()
    assert feed.flush(30)
    kinds = [message.get("event") for message in reader.messages]
    assert kinds.index("receipt") < 10_000
    assert kinds.count("metrics") == 20_000
    feed.close(5)


def test_what_must_arrive_is_waited_for_without_the_metrics_before_it() -> None:
    """An ``on_change`` function waits so, also while the thread is in the middle of many metrics."""

    class Slow(Reader):
        def __call__(self, message: Message) -> None:
            hurry.wait(0.02)
            super().__call__(message)

    hurry, reader = threading.Event(), Slow()
    feed = started(Feed(None), reader)
    for step in range(1000):
        feed.metrics(step, {"loss": 0.5})
    eventually(lambda: len(reader.events("metrics")) > 2)
    feed.event("run", {"phase": "training"})
    assert feed.flush(60, measured=False)
    assert {"phase": "training"} in reader.events("run")
    assert len(reader.events("metrics")) < 900
    hurry.set()
    feed.close(30)


def test_in_haste_what_waits_is_counted() -> None:
    """At the end of a program there is not time for everything."""
    reader = Reader()
    feed = started(Feed(None), reader)
    reader.moving.clear()
    for step in range(1000):
        feed.metrics(step, {"loss": 1.0, "lr": 0.1})
    feed.hasten()
    feed.event("run", {"phase": "finished"})
    reader.moving.set()
    assert feed.flush(10)
    sent = 2 * len(reader.events("metrics"))
    assert sent < 2000
    assert reader.events("progress")[-1]["unrecorded_points"] == 2000 - sent
    feed.close(5)


def test_a_receipt_precedes_the_reply_and_the_journal_precedes_both(journal: Journal) -> None:
    """Whoever has an answer finds the receipt, in the events and on disk."""
    seen: list[tuple[str, bool]] = []

    def sink(message: Message) -> None:
        on_disk = journal.path.exists() and b'"id":"r1"' in journal.path.read_bytes()
        seen.append((message["type"], on_disk))

    feed = Feed(journal)
    feed.connect(lambda: {"type": "hello", "run": {}, "receipts": []}, sink)
    feed.start()
    receipt = Receipt(id="r1", kind="patch", seq=1)
    feed.receipt(receipt)
    feed.tell({"type": "reply", "id": "q", "receipt": receipt.model_dump(mode="json")})
    assert feed.flush(5)
    assert seen == [("hello", False), ("event", True), ("reply", True)]
    feed.close(5)


def test_whoever_connects_again_gets_every_number_once() -> None:
    """A reader that breaks off and comes back, many times, while events are told."""
    feed = Feed(None)
    feed.start()
    done = threading.Event()

    def tell() -> None:
        for number in range(1000):
            feed.event("run", {"number": number})
            feed.metrics(number, {})
        done.set()

    teller = threading.Thread(target=tell)
    teller.start()
    seen: dict[int, Any] = {}
    deadline = time.monotonic() + 60
    while not done.is_set():
        assert time.monotonic() < deadline
        messages: list[Message] = []

        def sink(message: Message, messages: list[Message] = messages) -> None:
            messages.append(message)
            if len(messages) > 20:
                raise BrokenPipeError

        feed.connect(lambda: {"type": "hello", "run": {}, "receipts": []}, sink)
        time.sleep(0.002)
        feed.connect(lambda: {"type": "hello", "run": {}, "receipts": []}, None)
        told = [*messages[0]["events"], *messages[1:]]
        numbers = [event["seq"] for event in told]
        assert numbers == list(range(messages[0]["floor"] + 1, messages[0]["floor"] + 1 + len(numbers)))
        for event in told:
            assert seen.setdefault(event["seq"], event["data"]) == event["data"]
    teller.join(60)
    assert feed.flush(5)
    last = Reader()
    feed.connect(lambda: {"type": "hello", "run": {}, "receipts": []}, last)
    assert len(last.messages[0]["events"]) == KEEP
    feed.close(5)


class Stubborn:
    """A value that JSON does not know and that is no number."""

    def __str__(self) -> str:
        return "stubborn"


class Scalar:
    """As of NumPy and torch."""

    dtype = "int64"

    def __float__(self) -> float:
        return 3.0


class Explosive:
    """Its conversion fails in a way nobody expects."""

    def __float__(self) -> float:
        raise KeyError("boom")


def test_whatever_a_program_publishes_the_feed_goes_on() -> None:
    """NumPy scalars become numbers, other objects texts; one that raises is named by its type."""
    reader = Reader()
    feed = started(Feed(None), reader)
    for value in (Scalar(), Stubborn(), [Scalar()], Explosive(), 1.5):
        feed.metrics(Scalar(), {"loss": value})
    feed.event("run", {"phase": Explosive()})
    feed.event("run", {"phase": Stubborn()})
    assert feed.flush(5)
    assert [data["values"]["loss"] for data in reader.events("metrics")] == [
        *(3, "stubborn", [3], "<Explosive>", 1.5)
    ]
    assert reader.events("run") == [{"phase": "<Explosive>"}, {"phase": "stubborn"}]
    assert feed.flush(5)
    feed.close(5)


def test_a_feed_that_was_closed_twice_or_never_started_is_closed() -> None:
    """close() is idempotent and bounded, also with a stuck reader."""
    Feed(None).close(1)
    reader = Reader()
    feed = started(Feed(None), reader)
    reader.moving.clear()
    feed.event("run", {"phase": "stuck"})
    began = time.monotonic()
    feed.close(0.3)
    feed.close(0.3)
    assert time.monotonic() - began < 2
    reader.moving.set()
