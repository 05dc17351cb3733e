"""Every route with every method and credentials: who may not, changes nothing and learns nothing."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from freak_core import Freak
from tests.core.test_access import EVIL, PUBLIC, ROUTES, filled

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")
PATHS = sorted({path for _, path in ROUTES} | {"/nowhere", "/state/", "/STATE", "/receipts/x/y"})
WRONG = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Basic {token}"},
    {"Authorization": "{token}"},
    {"Authorization": "Bearer {token}x"},
    {"Cookie": "token={token}"},
    {"X-Authorization": "Bearer {token}"},
]
TELLS = (b"epochs", b"hush", b"weights", b"world_size", b"steps_per_second", b'"name"')


@pytest.fixture
def asks(shared_freak: Freak) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_freak.url, timeout=60, trust_env=False, verify=False) as http:
        yield http


@pytest.fixture
def unchanged(shared_freak: Freak) -> Iterator[None]:
    """Nothing is changed by the test, and no request of it has a receipt."""

    def seen() -> tuple[int, int, object]:
        store = shared_freak.store
        return store.revision, len(store.receipts.since(0)), store.snapshot().model_dump()

    before = seen()
    yield
    assert seen() == before


def sent(http: httpx.Client, freak: Freak, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    filled_in = {name: value.replace("{token}", freak.token) for name, value in headers.items()}
    body = {"json": {"epochs": 77}} if method in ("POST", "PUT", "PATCH", "FOO") else {}
    with http.stream(method, filled(path), headers=filled_in, **body) as answer:
        if "event-stream" not in answer.headers.get("content-type", ""):
            answer.read()
    return answer


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_changed_and_nothing_is_told(
    asks: httpx.Client, shared_freak: Freak, unchanged: None, path: str
) -> None:
    for method, headers in itertools.product(METHODS, WRONG):
        answer = sent(asks, shared_freak, method, path, headers)
        granted = path in PUBLIC and method in ("GET", "HEAD")
        assert answer.status_code in ((200, 404) if granted else (401, 404, 405)), (
            method,
            headers,
            answer.text,
        )
        if not granted:
            assert not [word for word in TELLS if word in answer.content.replace(b"/epochs", b"")], (
                method,
                headers,
            )


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_or_page_gets_nothing_even_with_the_token(
    asks: httpx.Client, shared_freak: Freak, unchanged: None, path: str
) -> None:
    for method, evil in itertools.product(METHODS, EVIL):
        headers = {"Authorization": "Bearer {token}", **evil}
        answer = sent(asks, shared_freak, method, path, headers)
        assert answer.status_code == 403, (method, evil)
        assert not [word for word in TELLS if word in answer.content.replace(b"/epochs", b"")]


@pytest.mark.parametrize("path", PATHS)
def test_the_read_only_token_changes_nothing(
    asks: httpx.Client, shared_freak: Freak, unchanged: None, path: str
) -> None:
    headers = {"Authorization": f"Bearer {shared_freak.read_token}"}
    for method in METHODS:
        answer = sent(asks, shared_freak, method, path, headers)
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            assert answer.status_code in (403, 404, 405), (method, answer.text)


def test_the_page_about_security_lists_every_route_that_needs_no_token() -> None:
    page = (Path(__file__).parents[2] / "docs/security.md").read_text("utf-8")
    table = page.partition("| route | no token |")[2].partition("\n\n")[0]
    public = {
        route
        for line in table.splitlines()
        if "| yes |" in line
        for route in re.findall(r"`GET (\S+)`", line)
    }
    assert public == set(PUBLIC)
