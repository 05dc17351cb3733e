"""In which order writes reach the program: fairly, with a lane for those that stop or release."""

import asyncio
import contextlib
import itertools
from typing import Any

import httpx
import pytest

from freak_core import Freak, TooManyRequests
from freak_core.messages.protocol import Order
from freak_core.server.api.write_queue import WriteQueue
from freak_core.server.connection_shares import most_connections, places_of


def order(kind: str = "patch", path: str = "", body: Any = None, target: str | None = None) -> Order:
    keys = [key for key in path.split("/") if key]
    return Order(kind=kind, path=keys, body=body, target=target, by="owner", options={})  # type: ignore[typeddict-item]


def turns(*writes: tuple[str, Order], rate: float = 20.0) -> list[int]:
    """Return in which order writes of clients pass that arrive one after the other, before the first may."""

    async def all_of_them() -> list[int]:
        queue, passed = WriteQueue(rate, burst=1), list[int]()
        await queue.turn("earlier", ANY)  # takes the burst

        async def one(number: int, client: str, write: Order) -> None:
            await queue.turn(client, write)
            passed.append(number)

        await asyncio.gather(*(one(number, *each) for number, each in enumerate(writes)))
        return passed

    return asyncio.run(all_of_them())


ANY = order(body={"n": 1})
STOPS = [
    order(body={"stop": {"should_stop": True}}),
    order(path="stop", body={"should_stop": True}),
    order("put", "stop/should_stop", True),
    order(body={"pause": {"paused": True}}),
    order(body={"pause": {"paused": False}, "stop": {"should_stop": False}}),
    order("cancel", target="x"),
    order("action", body={}, target="stop"),
    order("action", body={}, target="pause"),
    order("reset", "lr"),
    order("reset", "lr/hold"),
    order(body={"lr": {"hold": None}}),
    order("put", "lr/hold", None),
]
NO_STOPS = [
    order(body={"stop": {"should_stop": True}, "n": 1}),
    order(body={"lr": {"hold": None, "scale": 2.0}}),
    order(body={"stopped": 1}),
    order(path="stopping", body=1),
    order(body={}),
    order("action", body={"stop": 1}, target="save"),
    order("put", "n", 0),
    order("put", "n", False),
]


@pytest.mark.parametrize("stop", STOPS, ids=str)
def test_a_stop_a_pause_a_cancellation_and_a_release_go_first(stop: Order) -> None:
    assert turns(("a", ANY), ("b", ANY), ("c", stop))[0] == 2


@pytest.mark.parametrize("write", NO_STOPS, ids=str)
def test_others_wait_for_their_turn(write: Order) -> None:
    assert turns(("a", ANY), ("b", ANY), ("c", write)) == [0, 1, 2]


@pytest.mark.parametrize(
    "earlier",
    [
        order(body={"lr": {"hold": 0.1}}),
        order(path="lr", body={"hold": 0.1}),
        order("put", "lr/hold", 0.1),
        order("put", "", {"lr": {}}),
        order("json_patch", "", [{"op": "replace", "path": "/lr/hold", "value": 1}]),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_release_never_goes_before_an_earlier_write_to_the_same_path(earlier: Order) -> None:
    assert turns(("a", ANY), ("b", earlier), ("c", order("reset", "lr/hold")))[-1] == 2
    assert turns(("a", ANY), ("b", earlier), ("c", order("reset")))[-1] == 2


def test_a_release_goes_before_an_earlier_write_to_another_path() -> None:
    assert turns(("a", ANY), ("b", order("put", "lr/hold", 0.1)), ("c", order("reset", "other")))[0] == 2


def test_a_stop_never_goes_before_an_earlier_write_of_the_same_connection() -> None:
    assert turns(("a", ANY), ("b", ANY), ("b", STOPS[0])) == [0, 1, 2]


def test_clients_take_turns() -> None:
    greedy = [("a", ANY)] * 6
    assert turns(*greedy, ("b", ANY), ("b", ANY)) == [0, 6, 1, 7, 2, 3, 4, 5]


def test_many_stops_let_others_through() -> None:
    stops = [(f"s{at}", order("action", body={}, target="stop")) for at in range(6)]
    passed = turns(*stops, ("a", ANY), ("b", ANY))
    assert {passed.index(6), passed.index(7)} <= {0, 1, 2, 3, 4}


def test_who_waits_too_long_is_refused_and_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freak_core.server.api.write_queue.LONGEST_WAIT", 0.3)

    async def flood() -> list[bool]:
        queue = WriteQueue(rate=10.0, burst=1)

        async def one(client: int) -> bool:
            with contextlib.suppress(TooManyRequests):
                await queue.turn(client, ANY)
                return True
            return False

        return await asyncio.gather(*map(one, range(50)))

    passed = asyncio.run(flood())
    assert 2 <= sum(passed) <= 10
    assert passed[0]


def test_a_bounded_number_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freak_core.server.api.write_queue.MOST_WAITING", 3)

    async def flood() -> list[object]:
        queue = WriteQueue(rate=100.0, burst=1)
        return await asyncio.gather(*(queue.turn(n, ANY) for n in range(6)), return_exceptions=True)

    refused = [each for each in asyncio.run(flood()) if isinstance(each, TooManyRequests)]
    assert len(refused) == 2
    assert all(each.retry_after for each in refused)


def test_a_read_token_beyond_its_long_polls_gets_429_and_the_owner_gets_through(freak: Freak) -> None:
    most = places_of("reader", most_connections()) // 4
    reader = {"Authorization": f"Bearer {freak.read_token}"}
    owner = {"Authorization": f"Bearer {freak.token}"}

    async def crowd() -> tuple[list[int], list[int]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=freak.url, timeout=60, trust_env=False, limits=limits) as http:
            await http.get("state", headers=owner)
            route = "run?wait=60&step=99999"
            polls = [asyncio.create_task(http.get(route, headers=reader)) for _ in range(most + 20)]
            writes = [await http.patch("state", json={"epochs": n}, headers=owner) for n in (2, 3)]
            refused = [await each for each in itertools.islice(asyncio.as_completed(polls), 20)]
            for poll in polls:
                poll.cancel()
            await asyncio.gather(*polls, return_exceptions=True)
        return [each.status_code for each in refused], [each.status_code for each in writes]

    assert asyncio.run(crowd()) == ([429] * 20, [200, 200])
