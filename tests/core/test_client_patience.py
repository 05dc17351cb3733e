"""Retries, waits and events of a client when the network, the server or the program fails."""

import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from freak_core import (
    ConfigurationError,
    Failed,
    Freak,
    Refused,
    RunOver,
    TooManyRequests,
    Unreachable,
    UnsupportedMedia,
)
from freak_core.client import retries
from tests.core.bad_network import Canned, Proxy
from tests.core.conftest import Serve
from tests.core.twins import Twin
from tests.waiting import eventually

RECEIPT = json.dumps({"kind": "patch", "status": "applied"}).encode()


def problem(status: int, **more: Any) -> tuple[int, dict[str, str], bytes]:
    document = {"type": "about:blank", "title": "x", "status": status, "detail": f"says {status}", **more}
    return status, {"Content-Type": "application/problem+json"}, json.dumps(document).encode()


def test_events_go_on_after_every_break_without_loss_or_duplicates(freak: Freak, twin: Twin) -> None:
    assert freak.port is not None
    with Proxy(freak.port) as proxy, twin(f"http://127.0.0.1:{proxy.port}", freak.token) as client:
        events, seen = client.events("run", last_id=f"{freak.id}-0"), []
        for index in range(4):
            freak.phase("training", at=index)
            seen.append(next(events))
            proxy.cut()
        assert proxy.accepted >= 4
    assert [(event.id, event.data["at"]) for event in seen] == [(f"{freak.id}-{1 + i}", i) for i in range(4)]


def test_an_event_that_was_cut_off_comes_again_whole(freak: Freak, twin: Twin) -> None:
    assert freak.port is not None
    for index in range(30):
        freak.phase("training", at=index)
    with (
        Proxy(freak.port, breaks_after=1100) as proxy,
        twin(f"http://127.0.0.1:{proxy.port}", freak.token) as client,
    ):
        seen = []
        for event in client.events(last_id=f"{freak.id}-0"):
            seen.append(event.data["at"])
            if len(seen) == 30:
                break
    assert seen == list(range(30))
    assert proxy.accepted >= 3


def test_a_client_that_missed_nothing_yet_misses_nothing(freak: Freak, twin: Twin) -> None:
    """A connection that breaks before the first event goes on where it was made."""
    assert freak.port is not None
    with Proxy(freak.port) as proxy, twin(f"http://127.0.0.1:{proxy.port}", freak.token) as client:
        events, seen = client.events("state"), []
        reader = threading.Thread(target=lambda: seen.append(next(events)))
        reader.start()
        with twin(freak.link) as other:
            eventually(lambda: proxy.accepted)
            other.run()
            proxy.cut()

            def heard() -> bool:
                other.set({"epochs": other.get("epochs") % 100 + 1})
                reader.join(0.2)
                return not reader.is_alive()

            eventually(heard)
        events.close()
    assert seen[0].type == "state"


def test_a_break_after_a_quiet_hour_is_a_break_like_any_other(
    freak: Freak, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience begins with the break, not with the last event."""
    assert freak.port is not None
    with Proxy(freak.port) as proxy, twin(f"http://127.0.0.1:{proxy.port}", freak.token) as client:
        events = client.events("run", last_id=f"{freak.id}-0")
        freak.phase("training")
        assert next(events).data["phase"] == "training"
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 3600)
        monkeypatch.setattr(retries, "time", later)
        proxy.cut()
        freak.phase("validating")
        assert next(events).data["phase"] == "validating"


def test_a_server_that_is_gone_is_given_up(freak: Freak, twin: Twin) -> None:
    assert freak.port is not None
    with twin("http://127.0.0.1:1", "t") as client, pytest.raises(Unreachable):
        next(client.events())
    with Proxy(freak.port) as proxy, twin(f"http://127.0.0.1:{proxy.port}", freak.token) as client:
        events = client.events("receipt", last_id=f"{freak.id}-0", reconnect=0.5)
        client.set({"epochs": 20})
        assert next(events).type == "receipt"
        proxy.close()
        with pytest.raises(Unreachable, match="no events"):
            list(events)


def test_a_busy_server_is_asked_again(twin: Twin) -> None:
    busy = problem(429, retry_after=0.01)
    with Canned(busy, busy, (200, {}, RECEIPT)) as server, twin(server.url, "t") as client:
        assert client.set({"a": 1}).status == "applied"
        assert len(server.asked) == 3
    with Canned(busy) as server, twin(server.url, "t", timeout=0.2) as client:
        with pytest.raises(TooManyRequests) as refused:
            client.set({"a": 1})
        assert refused.value.retry_after == 0.01
        assert len(server.asked) > 3


def test_every_refusal_is_raised_as_what_it_is(twin: Twin) -> None:
    cases = {
        409: RunOver,
        415: UnsupportedMedia,
        418: Refused,
        500: Failed,
        502: Unreachable,
        503: Unreachable,
        504: Unreachable,
    }
    for status, kind in cases.items():
        with Canned(problem(status)) as server, twin(server.url, "t") as client:
            with pytest.raises(Refused, match=str(status)) as refused:
                client.get()
            assert type(refused.value) is kind


def test_a_server_that_does_not_answer_in_time_is_unreachable(twin: Twin) -> None:
    slow = pytest.raises(Unreachable, match=r"within 0\.2 s")
    with Canned(None) as server, twin(server.url, "t", timeout=0.2) as client, slow:
        client.get()


@pytest.mark.parametrize("body", [b"<html>", b"[1", b'{"kind": "tea"}', b"\xff"])
def test_what_answers_but_is_not_freak_is_unreachable(twin: Twin, body: bytes) -> None:
    with Canned((200, {}, body)) as server, twin(server.url, "t") as client:
        with pytest.raises(Unreachable, match="not Freak"):
            client.receipt("x")
        with pytest.raises(Unreachable):
            next(client.events())
    moved = Canned((302, {"Location": "/login"}, b""))
    with moved as server, twin(server.url, "t") as client, pytest.raises(Refused):
        client.get()


def test_no_url_is_told_at_once(twin: Twin) -> None:
    for url in ("http://host:port", "http://", "ftp://host", "http://h:1 2"):
        with pytest.raises(ConfigurationError, match="not a URL"):
            twin(url)


def test_a_run_is_waited_for_until_it_is_there(freak: Freak, twin: Twin) -> None:
    with twin(freak.link) as client:
        freak.phase("training", total_steps=100)
        freak.publish(step=1, epoch=0)
        assert client.wait_for(phase="training", step=1)["total_steps"] == 100
        with pytest.raises(TimeoutError, match="step 1"):
            client.wait_for(step=50, timeout=0.1)
        later = threading.Timer(0.3, freak.publish, kwargs={"step": 60, "epoch": 2})
        later.start()
        assert client.wait_for(step=50, epoch=2)["step"] == 60
        later.join(60)


@pytest.mark.parametrize(("wanted", "ends"), [({"phase": "finished"}, "finished"), ({"step": 50}, RunOver)])
def test_whoever_waits_hears_of_the_end(freak: Freak, twin: Twin, wanted: dict[str, Any], ends: Any) -> None:
    assert freak.port is not None
    heard: list[Any] = []
    with (
        Proxy(freak.port) as proxy,
        twin(f"http://127.0.0.1:{proxy.port}", freak.token) as client,
        twin(freak.link) as other,
    ):

        def waiting() -> None:
            try:
                heard.append(client.wait_for(**wanted)["phase"])
            except RunOver as over:
                heard.append(type(over))

        waiter = threading.Thread(target=waiting)
        waiter.start()
        eventually(lambda: b"/run?wait" in proxy.asked)
        for _ in range(3):  # by then the server has read the request before these
            other.run()
        freak.stop()
        waiter.join(60)
    assert heard == [ends]


def test_the_server_is_asked_to_wait_and_not_again_and_again(twin: Twin) -> None:
    run = json.dumps({"step": 5, "phase": "training"}).encode()
    with Canned((200, {}, run)) as server, twin(server.url, "t") as client:
        assert client.wait_for(step=5, timeout=600)["step"] == 5
        assert server.asked == ["GET /run?wait=30.0&step=5"]
    with Canned((200, {}, RECEIPT)) as server, twin(server.url, "t") as client:
        assert client.wait("a/b", timeout=600).status == "applied"
        assert server.asked == ["GET /receipts/a%2Fb?wait=30.0"]


def test_a_receipt_is_waited_for_until_it_ends(served: Serve, twin: Twin) -> None:
    freak = served(apply="sync")
    with twin(freak.link) as client:
        waiting = client.set({"epochs": 20})
        syncing = threading.Timer(0.3, freak.sync, kwargs={"step": 4})
        syncing.start()
        ended = client.wait(waiting, timeout=30)
        syncing.join(60)
    assert (ended.status, ended.applied.step) == ("applied", 4)
