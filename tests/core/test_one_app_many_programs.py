"""The user's app outlives a program: the next one takes over its routes, and no other one before."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import FastAPI

from freak_core import ConfigurationError, Freak, control
from freak_core.messages.protocol import EVENT_TYPES
from freak_core.server.api.event_stream import stream
from tests.core.conftest import Connect
from tests.core.steered import Steered

pytestmark = pytest.mark.usefixtures("home")


def test_another_freak_takes_over_the_routes_with_its_tokens(connect: Connect) -> None:
    app = FastAPI()
    with control(Steered(name="first"), app, prefix="/freak") as first:
        pass
    routes = len(app.routes)
    with control(Steered(name="second"), app, True, "/freak", port=0) as second:
        assert len(app.routes) == routes
        http = connect(second)
        assert http.get("state/name").json() == "second"
        assert http.patch("state", json={"epochs": 20}).json()["status"] == "applied"
        assert connect(second, second.read_token).get("run").json()["access"] == "reader"
        assert connect(second, first.token).get("state").status_code == 401


def test_an_app_is_not_taken_from_a_program_that_runs(connect: Connect) -> None:
    app = FastAPI()
    with control(Steered(name="first"), app, True, "/freak", port=0) as first:
        with pytest.raises(ConfigurationError, match="another prefix"):
            control(Steered(), app, prefix="/freak")
        assert connect(first).get("state/name").json() == "first"
        assert connect(first).patch("state", json={"epochs": 20}).status_code == 200
        with control(Steered(name="beside it"), app, False, "/beside") as beside:
            url = first.url.replace("/freak", "/beside/state/name")
            headers = {"Authorization": f"Bearer {beside.token}"}
            assert httpx.get(url, headers=headers, trust_env=False).json() == "beside it"


def test_allowed_hosts_are_those_of_the_program_that_runs(connect: Connect) -> None:
    app = FastAPI()
    with control(Steered(), app, allowed_hosts=["one"]):
        pass
    with control(Steered(), app, True, port=0, allowed_hosts=["two", "127.0.0.1"]) as freak:
        assert connect(freak, Host="two").get("state").status_code == 200
        assert connect(freak, Host="one").get("state").status_code == 403


def test_reads_are_answered_while_the_program_holds_the_lock(connect: Connect) -> None:
    freak = Freak(FastAPI(), port=0)
    with freak.control(Steered(name="shown"), serve=True):
        http = connect(freak)
        assert http.get("state/name").json() == "shown"
        with ThreadPoolExecutor() as pool, freak.locked():
            read = pool.submit(http.get, "state/name", timeout=10.0)
            assert read.result(60).json() == "shown"


def test_the_events_of_one_program_end_where_another_takes_its_place() -> None:
    """Both within one turn of the event loop, which has not told the stream of the end yet."""
    app = FastAPI()

    async def followed() -> list[bytes]:
        first = control(Steered(), app)
        mirror = app.state.freak_mirrors[""]
        events = stream(mirror, None, frozenset(EVENT_TYPES))
        seen = [await anext(events)]
        first.stop()
        second = control(Steered(), app)
        second.publish(step=7)
        seen += [event async for event in events]
        second.stop()
        return seen

    seen = asyncio.run(asyncio.wait_for(followed(), 30))
    assert not any(b'"step": 7' in event or b'"step":7' in event for event in seen)
