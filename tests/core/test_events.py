"""The stream of events, and coming back to it."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from freak_core import Freak
from freak_core.messages.event_buffer import KEEP
from tests.core.conftest import Connect, connection
from tests.waiting import eventually


@contextlib.contextmanager
def following(http: httpx.Client, types: str = "", last_id: str = "") -> Iterator[Iterator[ServerSentEvent]]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with connect_sse(
        http, "GET", "events", params={"types": types} if types else {}, headers=headers
    ) as source:
        assert source.response.status_code == 200, source.response.read()
        yield source.iter_sse()


def take(events: Iterator[ServerSentEvent], count: int) -> list[ServerSentEvent]:
    return [next(events) for _ in range(count)]


def number(event: ServerSentEvent) -> int:
    return int(event.id.rpartition("-")[2])


def test_a_change_is_told_as_a_state_and_its_receipts(freak: Freak, http: httpx.Client) -> None:
    with following(http) as events:
        start = next(events)
        assert (start.data, start.id) == ("", f"{freak.id}-0")
        http.patch("state", json={"epochs": 20})
        accepted, state, applied = take(events, 3)
    assert [e.event for e in (accepted, state, applied)] == ["receipt", "state", "receipt"]
    assert state.json()["value"]["epochs"] == 20
    assert accepted.json()["status"] == "accepted"
    assert applied.json()["status"] == "applied"
    assert [number(e) for e in (accepted, state, applied)] == [1, 2, 3]


def test_a_reader_resumes_without_loss_or_duplicates(freak: Freak, http: httpx.Client) -> None:
    for epochs in range(20, 25):
        http.patch("state", json={"epochs": epochs})
    with following(http, last_id=f"{freak.id}-0") as events:
        seen = take(events, 8)[1:]
    with following(http, last_id=seen[-1].id) as events:
        seen += take(events, 9)[1:]
    assert [number(event) for event in seen] == list(range(1, 16))


def test_a_reader_resumes_after_the_server_was_killed(
    freak: Freak, http: httpx.Client, connect: Connect, closing: ExitStack
) -> None:
    http.patch("state", json={"epochs": 20})
    with following(http) as events:
        last = next(events).id
        http.patch("state", json={"epochs": 21})
        last = take(events, 2)[-1].id
        before = freak.server_pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        with contextlib.suppress(httpx.HTTPError):
            for event in events:
                last = event.id or last
    fresh = connect(freak)
    fresh.patch("state", json={"epochs": 22})
    with following(fresh, last_id=last) as events:
        next(events)
        seen = [next(events)]
        while number(seen[-1]) < 9:
            seen.append(next(events))
    assert [number(event) for event in seen] == list(range(int(last.rpartition("-")[2]) + 1, 10))
    assert seen[-1].json()["status"] == "applied"
    assert freak.server_pid != before


def test_only_the_wanted_types_arrive(freak: Freak, http: httpx.Client) -> None:
    with following(http, types="receipt,metrics") as events:
        next(events)
        http.patch("state", json={"epochs": 20})
        freak.publish(step=1, loss=0.5, broken=float("nan"))
        seen = take(events, 3)
    assert [event.event for event in seen] == ["receipt", "receipt", "metrics"]
    told = seen[-1].json()
    assert (told["step"], told["values"]) == (1, {"loss": 0.5, "broken": None})


def test_an_unknown_type_is_refused(shared: httpx.Client) -> None:
    answer = shared.get("events?types=state,gossip")
    assert answer.status_code == 400
    assert "'gossip'" in answer.json()["detail"]


@pytest.mark.parametrize("last_id", ["another-0", "0", "x", "{id}-", "{id}-999999", "{id}-" + "9" * 5000])
def test_a_reader_from_elsewhere_gets_one_reset(
    shared_freak: Freak, shared: httpx.Client, last_id: str
) -> None:
    with following(shared, last_id=last_id.replace("{id}", shared_freak.id)) as events:
        reset = next(events)
        assert reset.event == "reset"
        assert reset.json()["value"] == shared.get("state").json()
        assert reset.json()["run"]["id"] == shared_freak.id
        shared.patch("state", json={"epochs": 77})
        following_one = next(events)
    assert following_one.event == "receipt"
    assert number(following_one) == number(reset) + 1


def test_a_reader_who_missed_too_much_gets_one_reset(freak: Freak, http: httpx.Client) -> None:
    http.patch("state", json={"epochs": 42})
    for step in range(KEEP + 10):
        freak.phase("training", at=step)
    eventually(lambda: http.get("run").json().get("at") == KEEP + 9)
    with following(http, last_id=f"{freak.id}-1") as events:
        reset = next(events)
    assert reset.event == "reset"
    assert reset.json()["value"]["epochs"] == 42
    with following(http, last_id=f"{freak.id}-{number(reset) - KEEP}") as events:
        assert number(take(events, 2)[1]) == number(reset) - KEEP + 1


def test_a_new_server_knows_the_run_as_the_old_one_did(freak: Freak, connect: Connect) -> None:
    freak.phase("training", device="cpu")
    freak.publish(step=7, epoch=2)
    for index in range(KEEP + 1):
        freak.phase("training", at=index)
    pid = freak.server_pid
    assert pid is not None
    connect(freak).get("run")
    os.kill(pid, signal.SIGKILL)

    def known() -> Any:
        with contextlib.suppress(httpx.HTTPError):
            run = connect(freak).get("run").json()
            return run.get("at") == KEEP and run

    run = eventually(known)
    assert (run["phase"], run["device"], run["step"], run["epoch"]) == ("training", "cpu", 7, 2)


def test_the_stream_ends_when_the_program_stops(freak: Freak, http: httpx.Client) -> None:
    with following(http) as events:
        next(events)
        freak.stop()
        last = list(events)[-1]
    assert (last.event, last.json()["phase"]) == ("run", "finished")


def test_a_reader_who_reads_nothing_holds_nobody_up(freak: Freak, http: httpx.Client) -> None:
    stalled = [socket.create_connection(("127.0.0.1", freak.port)) for _ in range(5)]  # type: ignore[arg-type]
    try:
        for reader in stalled:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            request = (
                f"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {freak.token}\r\n\r\n"
            )
            reader.sendall(request.encode())
        with following(http, types="state") as events:
            next(events)
            for size in range(10, 40):
                body = {"name": str(size) * 10_000}
                assert http.patch("state", json=body).status_code == 200
                assert next(events).json()["value"]["name"] == body["name"]
    finally:
        for reader in stalled:
            reader.close()


def test_an_idle_stream_is_kept_alive_by_comments(
    monkeypatch: pytest.MonkeyPatch, home: object, closing: ExitStack
) -> None:
    from fastapi import FastAPI

    from tests.core.steered import Steered

    monkeypatch.setattr("freak_core.server.api.event_stream.PING_EVERY", 0.05)
    freak = closing.enter_context(Freak(FastAPI(), port=0).control(Steered(), serve=True))
    http = closing.enter_context(connection(freak))
    with http.stream("GET", "events") as answer:
        lines = answer.iter_lines()
        found = [next(lines) for _ in range(6)]
    assert ": ping" in found
