"""The routes inside the user's own app."""

import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from starlette.exceptions import StarletteDeprecationWarning

from freak_core import (
    Client,
    ConfigurationError,
    Freak,
    PortTaken,
    Rejected,
    RunOver,
    Unreachable,
    control,
)
from freak_core.server.http import HttpServer
from tests.core.conftest import connection
from tests.core.steered import Steered

with warnings.catch_warnings():  # it wants another HTTP client than everybody has
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from fastapi.testclient import TestClient


@pytest.fixture
def app() -> FastAPI:
    """Somebody's own app, with a route that fails in every way."""
    app = FastAPI()

    @app.get("/own")
    async def own(number: int = 1) -> dict[str, int]:
        if number == 7:
            raise HTTPException(418, "short and stout")
        return {"number": number}

    return app


@pytest.fixture
def freak(home: object, app: FastAPI, closing: ExitStack) -> Freak:
    return closing.enter_context(control(Steered(), app, prefix="/freak"))


@pytest.fixture
def http(freak: Freak, app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers={"Authorization": f"Bearer {freak.token}"}) as client:
        yield client


def test_the_routes_answer_under_the_prefix_with_the_token(
    freak: Freak, http: TestClient, app: FastAPI
) -> None:
    assert http.get("/freak/state").json()["epochs"] == 10
    receipt = http.patch("/freak/state", json={"epochs": 20}).json()
    assert (receipt["status"], receipt["journal"]) == ("applied", "ok")
    assert freak.store.model.epochs == 20  # type: ignore[attr-defined]
    assert http.put("/freak/set/name?value=new").json() == "success"
    assert http.get("/state").status_code == 404
    with TestClient(app) as stranger:
        for method, route in (("GET", "state"), ("PATCH", "state"), ("GET", "get"), ("GET", "events")):
            assert stranger.request(method, f"/freak/{route}").status_code == 401
        wrong = {"Authorization": "Bearer wrong"}
        assert stranger.get("/freak/state", headers=wrong).status_code == 401
        reader = {"Authorization": f"Bearer {freak.read_token}"}
        assert stranger.get("/freak/state", headers=reader).status_code == 200
        assert stranger.patch("/freak/state", headers=reader, json={}).status_code == 403


def test_pages_of_other_sites_are_refused_here_too(http: TestClient) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert http.get("/freak/state", headers=headers).status_code == 403
        assert http.get("/own", headers=headers).status_code == 200


def test_what_the_program_changes_is_visible_at_once(freak: Freak, http: TestClient) -> None:
    state: Any = freak.store.model
    before = http.get("/freak/state")
    for epochs in (11, 12, 13):
        state.epochs = epochs
        answer = http.get("/freak/state")
        assert answer.json()["epochs"] == epochs
        assert answer.headers["ETag"] != before.headers["ETag"]
        before = answer
        assert http.get("/freak/get/epochs").json() == epochs
    tag = {"If-Match": before.headers["ETag"]}
    state.epochs = 14
    assert http.patch("/freak/state", json={"epochs": 1}, headers=tag).status_code == 412


def test_the_users_own_routes_answer_as_before(http: TestClient) -> None:
    assert http.get("/own?number=2").json() == {"number": 2}
    assert http.get("/own?number=x").json()["detail"][0]["loc"] == ["query", "number"]
    assert http.get("/own?number=7").json() == {"detail": "short and stout"}
    assert http.get("/nowhere").json() == {"detail": "Not Found"}
    assert "Content-Security-Policy" not in http.get("/own").headers


def test_the_users_own_docs_list_the_routes(http: TestClient) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/own", "/freak/state", "/freak/set/{path}"} <= set(paths)


def test_refusals_are_problem_documents(freak: Freak, http: TestClient) -> None:
    answer = http.patch("/freak/state", json={"epochs": 0})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["receipt"]["status"] == "rejected"
    assert http.patch("/freak/state", content=b"{", headers={"Content-Type": "text/json"}).status_code == 415


def test_every_refusal_of_ours_is_a_problem_document(http: TestClient, freak: Freak) -> None:
    for route, status in {
        "series?max_points=x": 422,
        "run?wait=61": 422,
        "get_from_path": 422,
        "receipts/none": 404,
        "dashboard/none.js": 404,
        "state?wait=1": 200,
    }.items():
        answer = http.get(f"/freak/{route}")
        assert answer.status_code == status, route
        if status != 200:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["detail"]


def test_the_pages_are_under_the_prefix_and_only_ours_are_fenced(http: TestClient, app: FastAPI) -> None:
    with TestClient(app) as anyone:
        assert anyone.get("/freak/healthz").json() == {"status": "ok"}
        for page in ("", "docs", "docs/docs.js", "dashboard/page/style.css"):
            answer = anyone.get(f"/freak/{page}")
            assert answer.status_code == 200, page
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert anyone.get(f"/freak/{page}", headers={"Origin": "null"}).status_code == 403
        for route in ("state", "metrics", "openapi.json"):
            assert anyone.get(f"/freak/{route}").status_code == 401
    for route in ("state", "metrics", "state/nowhere"):
        assert http.get(f"/freak/{route}").headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Content-Type-Options" not in http.get("/own").headers
    assert "/freak/state/head/lr" not in http.get("/openapi.json").json()["paths"]
    assert "/state/head/lr" in http.get("/freak/openapi.json").json()["paths"]


def test_without_a_prefix_the_apps_own_pages_stay(home: object, closing: ExitStack) -> None:
    app = FastAPI()
    freak = closing.enter_context(control(Steered(), app))

    @app.get("/")
    async def own() -> str:
        return "mine"

    with TestClient(app, headers={"Authorization": f"Bearer {freak.token}"}) as http:
        assert http.get("/").json() == "mine"
        assert http.get("/healthz").status_code == 404
        assert "Swagger" in http.get("/docs").text
        assert http.get("/state/epochs").json() == 10


def test_the_link_of_an_app_says_no_more_than_is_known(home: object, closing: ExitStack) -> None:
    somewhere = closing.enter_context(control(Steered(), FastAPI(), prefix="/freak"))
    assert (somewhere.url, somewhere.link) == ("/freak", f"/freak/#token={somewhere.token}")
    told = closing.enter_context(control(Steered(), FastAPI(), prefix="/freak", host="localhost", port=8000))
    assert told.link == f"http://127.0.0.1:8000/freak/#token={told.token}"
    told.serve()
    with Client(told.link) as client:
        assert client.get("epochs") == 10
        assert next(client.events(last_id="other-0")).type == "reset"


def test_a_client_that_comes_after_the_end_is_told_so(home: object, app: FastAPI, closing: ExitStack) -> None:
    """The user's server goes on when the run is over; nobody shall ask it for ever."""
    freak = closing.enter_context(control(Steered(), app))
    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(app, listener, "error", users_own=True)
    server.start()
    closing.callback(server.stop, 2.0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = closing.enter_context(Client(url, freak.token))
    client.set({"epochs": 20})
    freak.stop()
    everything = list(client.events(last_id=f"{freak.id}-0"))
    assert [event.type for event in everything] == ["receipt", "state", "receipt", "run"]
    assert list(client.events(last_id=everything[-1].id)) == []
    assert [event.type for event in client.events(last_id="another-0")] == ["reset"]
    with pytest.raises(RunOver):
        client.wait_for(step=10)
    with pytest.raises(Unreachable, match="gone"):
        client.set({"epochs": 30})


def test_events_are_told_and_end_with_the_run(freak: Freak, http: TestClient) -> None:
    http.patch("/freak/state", json={"epochs": 20})
    freak.stop()
    with http.stream("GET", "/freak/events", headers={"Last-Event-ID": f"{freak.id}-0"}) as answer:
        lines = list(answer.iter_lines())
    assert [line for line in lines if line.startswith("event")] == [
        "event: receipt", "event: state", "event: receipt", "event: run"
    ]  # fmt: skip
    assert http.patch("/freak/state", json={"epochs": 30}).status_code == 503
    assert http.get("/freak/state").json()["epochs"] == 20


def test_the_next_state_takes_over_the_same_routes(freak: Freak, http: TestClient) -> None:
    first, journal = freak.id, freak.journal_path
    freak.stop()
    state = Steered(epochs=77)
    freak.control(state)
    assert (freak.id, freak.journal_path) != (first, journal)
    assert http.get("/freak/state").json()["epochs"] == 77
    assert http.patch("/freak/state", json={"epochs": 78}).status_code == 200
    assert state.epochs == 78
    assert http.get("/freak/run").json()["id"] == freak.id


def test_the_users_own_app_is_served_where_asked_to(home: object, closing: ExitStack) -> None:
    began = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        began.append(True)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/own")
    async def own() -> str:
        return "mine"

    state = Steered()
    freak = closing.enter_context(control(state, app, True, "/freak", "127.0.0.1", 0))
    assert freak.running
    assert freak.server_pid is None
    http = closing.enter_context(connection(freak))
    assert http.patch("state", json={"epochs": 20}).status_code == 200
    assert state.epochs == 20
    assert httpx.get(freak.url.replace("/freak", "/own"), trust_env=False).json() == "mine"
    assert began == [True]
    with Client.find(freak.id) as client, pytest.raises(Rejected):
        client.set({"epochs": 0})
    with pytest.raises(PortTaken):
        Freak(FastAPI(), port=freak.port).control(Steered(), serve=True)
    freak.stop()
    with pytest.raises(httpx.ConnectError):
        http.get("state")


def test_the_users_own_app_can_be_served_later(home: object, app: FastAPI, closing: ExitStack) -> None:
    freak = closing.enter_context(Freak(app, port=0).control(Steered()))
    freak.serve()
    freak.serve()
    http = closing.enter_context(connection(freak))
    assert http.get("state/epochs").json() == 10
    assert http.get("own").json() == {"number": 1}


def test_allowed_hosts_are_checked_where_named(home: object, app: FastAPI, closing: ExitStack) -> None:
    freak = closing.enter_context(control(Steered(), app, allowed_hosts=["mine.example"]))
    headers = {"Authorization": f"Bearer {freak.token}"}
    with TestClient(app, base_url="http://mine.example", headers=headers) as http:
        assert http.get("/state").status_code == 200
        assert http.get("/state", headers={"Host": "evil.example"}).status_code == 403


def test_a_prefix_begins_with_a_slash(app: FastAPI) -> None:
    with pytest.raises(ConfigurationError, match="slash"):
        Freak(app, "freak")
