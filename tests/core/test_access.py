"""Who may read and who may change, and what leaks to nobody."""

import itertools
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from freak_core import Freak
from freak_core.server.app import create_app
from freak_core.server.mirror.mirror import Mirror
from tests.core.conftest import Connect, Serve

PUBLIC = ("/", "/healthz", "/dashboard/{name:path}", "/docs", "/docs/{name}")
READING = ("GET", "HEAD")
EVIL = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:4444"},
    {"Host": "["},
    {"Host": "user@"},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://[evil"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


def every_route() -> list[tuple[str, str]]:
    hello = {
        "host": "127.0.0.1",
        "allowed_hosts": [],
        "token": "t" * 16,
        "read_token": "r" * 16,
        "prefix": "",
        "docs_url": "/docs",
    }
    app: FastAPI = create_app(Mirror(lambda _: None), hello)
    found = {(method, route.path) for route in iter_route_contexts(app.routes) for method in route.methods}
    return sorted(found)


ROUTES = every_route()
GUARDED = [(method, path) for method, path in ROUTES if path not in PUBLIC]


def filled(path: str) -> str:
    return path.replace("{path:text}", "epochs").replace("{name}", "style.css").replace("{receipt_id}", "r")


@pytest.fixture
def anyone(shared_freak: Freak) -> Iterator[httpx.Client]:
    """A connection without a token."""
    with httpx.Client(base_url=shared_freak.url, timeout=60, trust_env=False, verify=False) as http:
        yield http


def test_the_application_has_the_routes_that_these_tests_are_about() -> None:
    assert {path for _, path in ROUTES} >= {"/state", "/events", "/receipts/{receipt_id}", "/set/{path:text}"}
    assert {path for _, path in ROUTES if path in PUBLIC} == set(PUBLIC)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_every_route_but_the_public_ones_needs_the_token(
    anyone: httpx.Client, method: str, path: str
) -> None:
    body = {"json": {}} if method in ("PATCH", "PUT", "POST") else {}
    for sent in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer no"},
    ):
        answer = anyone.request(method, filled(path), headers=sent, **body)  # type: ignore[arg-type]
        assert answer.status_code == 401, (method, path, sent)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert method == "HEAD" or answer.json()["status"] == 401


@pytest.mark.parametrize(("method", "path"), [route for route in GUARDED if route[0] not in READING])
def test_the_read_token_changes_nothing(
    shared_freak: Freak, anyone: httpx.Client, method: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {shared_freak.read_token}"}
    answer = anyone.request(method, filled(path), headers=headers, json={})
    assert answer.status_code == 403
    assert answer.json()["title"] == "Not allowed"


def test_the_read_token_reads(shared_freak: Freak, anyone: httpx.Client) -> None:
    headers = {"Authorization": f"bearer {shared_freak.read_token}"}
    for route in (
        "state",
        "state/epochs",
        "schema",
        "actions",
        "receipts",
        "run",
        "metrics",
        "openapi.json",
        "get",
        "get_from_path?path=epochs",
    ):
        assert anyone.get(route, headers=headers).status_code == 200
    with anyone.stream("GET", "events", headers=headers) as events:
        assert events.status_code == 200


def test_a_token_with_odd_bytes_is_merely_wrong(anyone: httpx.Client) -> None:
    for token in ("é".encode(), b"\xff\xfe", b"x" * 10_000):
        assert anyone.get("state", headers={"Authorization": b"Bearer " + token}).status_code == 401


@pytest.mark.parametrize("headers", EVIL, ids=str)
def test_foreign_hosts_and_pages_are_refused_on_every_route_and_method(
    shared: httpx.Client, headers: dict[str, str]
) -> None:
    for method, path in itertools.chain(ROUTES, [("OPTIONS", "/state"), ("HEAD", "/"), ("GET", "/nowhere")]):
        answer = shared.request(method, filled(path), headers=headers)
        assert answer.status_code == 403, (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9", "localhost:9", "LOCALHOST", "[::1]:4444"])
def test_loopback_names_are_allowed_with_any_port(shared: httpx.Client, host: str) -> None:
    assert shared.get("state", headers={"Host": host}).status_code == 200


def test_the_servers_own_pages_may_ask(shared: httpx.Client) -> None:
    host = shared.base_url.netloc.decode()
    headers = {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert shared.patch("state", json={"epochs": 20}, headers=headers).status_code == 200
    assert shared.get("healthz", headers={"Sec-Fetch-Site": "none"}).status_code == 200


def test_a_link_in_a_chat_opens_the_dashboard_and_nothing_else(
    shared: httpx.Client, anyone: httpx.Client
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert anyone.get("", headers=link).status_code == 200
    assert anyone.get("state", headers=link).status_code == 401
    assert shared.post("actions/box", headers=link).status_code == 403
    for other in (
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "cors"},
        {"Origin": "https://evil.example"},
    ):
        assert anyone.get("", headers=link | other).status_code == 403


def test_names_in_allowed_hosts_are_allowed(served: Serve, connect: Connect) -> None:
    http = connect(served(host="0.0.0.0", allowed_hosts=["Node7.cluster"]))  # noqa: S104
    port = http.base_url.port
    http.base_url = httpx.URL(f"http://127.0.0.1:{port}")
    assert http.get("state", headers={"Host": f"node7.cluster:{port}"}).status_code == 200
    assert http.get("state", headers={"Host": "node8.cluster"}).status_code == 403


def test_no_cross_origin_access_is_ever_granted(shared: httpx.Client) -> None:
    asking = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    answer = shared.options("state", headers=asking)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "set-cookie" not in answer.headers


def test_health_is_open_and_says_nothing_else(anyone: httpx.Client) -> None:
    assert anyone.get("healthz").json() == {"status": "ok"}


def test_the_dashboard_is_open_and_tightly_fenced(anyone: httpx.Client) -> None:
    for route in ("", "dashboard/page/app.js", "dashboard/page/style.css"):
        answer = anyone.get(route)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    for route in (
        "dashboard/..%2fapp.py",
        "dashboard/%2e%2e/app.py",
        "dashboard/nothing.js",
        "dashboard/page",
        "dashboard/",
    ):
        assert anyone.get(route).status_code == 404


def test_refusals_are_never_cached(shared: httpx.Client, anyone: httpx.Client) -> None:
    for answer in (anyone.get("state"), shared.get("state"), shared.get("state/nowhere")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_head_is_answered_without_the_state(shared: httpx.Client, anyone: httpx.Client) -> None:
    read = shared.get("state")
    for http, status in ((shared, 200), (anyone, 401)):
        answer = http.head("state")
        assert (answer.status_code, answer.content) == (status, b"")
    assert shared.head("state").headers["ETag"] == read.headers["ETag"]
    for route in ("state/epochs", "schema", "actions", "receipts", "run", "series", "metrics", "", "healthz"):
        assert shared.head(route).status_code == 200


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_the_token_is_in_no_command_line_and_no_environment(
    monkeypatch: pytest.MonkeyPatch, served: Serve, connect: Connect
) -> None:
    token = "a-token-that-somebody-chose"
    monkeypatch.setenv("FREAK_TOKEN", token)
    freak = served(freak=Freak(port=0))
    connect(freak).get("state")
    for file in ("cmdline", "environ"):
        seen = Path(f"/proc/{freak.server_pid}/{file}").read_bytes()
        assert seen
        assert token.encode() not in seen
        assert freak.read_token.encode() not in seen


def test_the_token_is_in_no_log(
    served: Serve, connect: Connect, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    freak = served(uvicorn_log_level="trace")
    http = connect(freak)
    http.patch("state", json={"epochs": 0})
    http.get(f"state?token={freak.token[:5]}")
    freak.stop()
    said = caplog.text + "".join(capfd.readouterr())
    assert freak.url in said
    for secret in (freak.token, freak.read_token):
        assert secret not in said


def test_files_are_for_this_users_eyes_only(served: Serve, connect: Connect, home: Path) -> None:
    os.umask(os.umask(0o022))
    connect(served()).patch("state", json={"epochs": 20})
    found = list((home / "runs").rglob("*"))
    assert len([path for path in found if path.is_file()]) >= 2
    for path in [home / "runs", *found]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_files_are_private_where_the_app_is_the_users_own(home: Path) -> None:
    from freak_core import control
    from tests.core.steered import Steered

    with control(Steered(), app=FastAPI()) as freak:
        assert freak.journal_path.exists()
    for path in [home / "runs", *(home / "runs").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
