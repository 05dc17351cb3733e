"""What is kept of the events is bounded, in number and in bytes."""

from typing import Any

import httpx

from freak_core import Freak
from freak_core.messages.event_buffer import KEEP, KEEP_BYTES, Recent
from freak_core.messages.protocol import Message
from freak_core.program.event_log import Feed
from tests.core.conftest import Connect, Serve
from tests.core.steered import Steered


def event(seq: int, data: Any, kind: str = "state") -> Message:
    return {"type": "event", "event": kind, "seq": seq, "data": data}


def test_small_events_are_bounded_in_number() -> None:
    recent = Recent()
    forgotten = [each["seq"] for seq in range(1, KEEP + 11) for each in recent.add(event(seq, {"value": 1}))]
    assert forgotten == list(range(1, 11))
    assert (recent.floor, recent.position) == (10, KEEP + 10)
    assert recent.since(9) is None
    assert [each["seq"] for each in recent.since(10) or ()] == list(range(11, KEEP + 11))


def test_large_events_are_bounded_in_bytes_but_the_newest_stays() -> None:
    recent = Recent(floor=100)
    for seq in range(101, 104):
        recent.add(event(seq, "x" * (KEEP_BYTES // 2 - 100)))
    assert [each["seq"] for each in recent] == [102, 103]
    assert recent.floor == 101
    recent.add(event(104, "x" * 2 * KEEP_BYTES))
    assert ([each["seq"] for each in recent], recent.floor, recent.position) == ([104], 103, 104)
    assert [each["seq"] for each in Recent(recent, recent.floor)] == [104]
    recent.add(event(105, {"values": {}}, "metrics"))
    assert [each["seq"] for each in recent] == [105]


def kept(http: httpx.Client, freak: Freak) -> list[str]:
    """Return what comes to a reader who has missed everything, until the end of the run."""
    kinds = []
    with http.stream("GET", "events", headers={"Last-Event-ID": f"{freak.id}-0"}) as answer:
        for line in answer.iter_lines():
            if line.startswith("event:"):
                kinds.append(line)
            elif kinds == ["event: reset"] and not line:  # it is here whole, and cannot tell of the end yet
                freak.stop()
    return kinds


def test_a_large_state_that_changes_often_is_told_to_latecomers_once(served: Serve, connect: Connect) -> None:
    """Not with every one of its changes: they would fill the memory of program and server."""
    freak = served(Steered(name="x" * (KEEP_BYTES // 10)))
    http = connect(freak)
    for epochs in range(20, 40):
        assert http.patch("state", json={"epochs": epochs}).status_code == 200
    assert kept(http, freak) == ["event: reset", "event: run"]


def test_the_program_keeps_no_more_than_that_either() -> None:
    feed = Feed(None)
    feed.start()
    for _ in range(20):
        feed.event("state", {"value": "x" * (KEEP_BYTES // 10)})
    assert feed.flush(30)
    messages: list[Message] = []
    feed.connect(lambda: {"type": "hello", "run": {}, "receipts": []}, messages.append)
    assert 1 < len(messages[0]["events"]) < 10
    feed.close(5)
