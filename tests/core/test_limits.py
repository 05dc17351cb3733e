"""How often clients may write, and how hostile input fares."""

import asyncio
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freak_core import Freak
from tests.core.conftest import Connect

RATE, BURST = 40, 10


@pytest.fixture
def hasty(freak: Freak) -> Iterator[httpx.Client]:
    """A connection that takes 429 for an answer."""
    headers = {"Authorization": f"Bearer {freak.token}"}
    with httpx.Client(base_url=freak.url, headers=headers, timeout=60, trust_env=False, verify=False) as http:
        yield http


def test_one_write_after_the_other_is_slowed_and_never_refused(freak: Freak, hasty: httpx.Client) -> None:
    hasty.get("state")
    start = time.monotonic()
    answers = [hasty.patch("state", json={"epochs": 1 + index % 999}) for index in range(100)]
    elapsed = time.monotonic() - start
    assert {answer.status_code for answer in answers} == {200}
    assert len(freak.store.receipts.since(0)) == 100 <= elapsed * RATE + BURST


def test_a_flood_of_writes_waits_for_its_turn_or_gets_429(freak: Freak) -> None:
    headers = {"Authorization": f"Bearer {freak.token}"}
    limits = httpx.Limits(max_connections=300)

    async def flood() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            base_url=freak.url, headers=headers, timeout=60, trust_env=False, limits=limits
        ) as http:
            await http.get("state")
            return await asyncio.gather(
                *(http.patch("state", json={"epochs": 1 + index}) for index in range(300))
            )

    start = time.monotonic()
    answers = asyncio.run(flood())
    elapsed = time.monotonic() - start
    refused = [answer for answer in answers if answer.status_code == 429]
    applied = [answer for answer in answers if answer.status_code == 200]
    assert len(refused) + len(applied) == 300
    assert len(applied) <= elapsed * RATE + BURST
    assert len(applied) == len(freak.store.receipts.since(0))
    for answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_refused_and_dry_requests_count_too(freak: Freak, hasty: httpx.Client) -> None:
    hasty.get("state")
    routes = ["state", "state?dry_run=true", "set"]
    start = time.monotonic()
    codes = {hasty.patch(routes[i % 3], json={"epochs": 0}).status_code for i in range(60)}
    assert codes == {422}
    assert time.monotonic() - start >= (60 - BURST) / RATE


def test_what_never_reaches_the_program_is_not_counted(freak: Freak, hasty: httpx.Client) -> None:
    hasty.get("state")
    odd = {"Content-Type": "application/json"}
    start = time.monotonic()
    for _ in range(3 * BURST):
        assert hasty.patch("state", content=b"{", headers=odd).status_code == 400
    waits = max(hasty.patch("state", json={"epochs": 20}).elapsed.total_seconds() for _ in range(BURST // 2))
    assert waits < 2 or time.monotonic() - start > 20


# -- hostile input -------------------------------------------------------------------------------

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"])
ROUTES = st.sampled_from(
    [
        "state",
        "state/",
        "state/epochs",
        "state/head/hidden",
        "set",
        "set/epochs",
        "get/",
        "get_from_path",
        "reset",
        "schema",
        "actions",
        "actions/x",
        "receipts",
        "receipts/x",
        "run",
        "healthz",
        "dashboard/x",
    ]
)
JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["epochs", "head", "weights"]) | st.text(), inner)
    ),
)
SEGMENT = st.text(st.characters(codec="utf-8"), max_size=8).map(lambda text: "/" + text)
RAW_SEGMENT = st.binary(max_size=6).map(lambda data: "/" + "".join(f"%{byte:02x}" for byte in data))
HEADER_NAMES = [
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "Freak-Note",
    "Content-Encoding",
    "X",
    "Origin",
    "Host",
    "Last-Event-ID",
    "Sec-Fetch-Site",
    "Expect",
    "Content-Type",
]
HEADER_LETTERS = st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f")
HEADERS = st.dictionaries(
    st.sampled_from(HEADER_NAMES), st.text(HEADER_LETTERS, min_size=1, max_size=12), max_size=3
)
QUERY = st.dictionaries(
    st.sampled_from(["dry_run", "note", "value", "path", "since", "limit", "types"]),
    st.text(max_size=8),
    max_size=3,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=METHODS,
    route=ROUTES,
    tail=st.just("") | SEGMENT | RAW_SEGMENT,
    body=st.binary() | JSONISH,
    headers=HEADERS,
    query=QUERY,
)
def test_no_request_whatsoever_makes_the_server_fail(
    shared: httpx.Client,
    method: str,
    route: str,
    tail: str,
    body: object,
    headers: dict[str, str],
    query: dict[str, str],
) -> None:
    try:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
    except UnicodeEncodeError:
        content = b"\xed\xa0\x80"
    raw = {
        "Content-Type": b"application/json",
        **{name: value.encode("latin-1") for name, value in headers.items()},
    }
    try:
        url = httpx.URL(f"{shared.base_url}{route}{tail}", params=query)
    except httpx.InvalidURL:
        return
    answer = shared.request(method, url, content=content, headers=raw)
    assert answer.status_code < 500, answer.text
    if (
        answer.status_code >= 400
        and method != "HEAD"
        and answer.headers["Content-Type"] != "text/plain; charset=utf-8"
    ):
        assert answer.json()["status"] == answer.status_code
    with_token = shared.get("run")
    assert with_token.status_code == 200


def test_a_read_token_survives_no_header_smuggling(shared_freak: Freak, connect: Connect) -> None:
    http = connect(shared_freak, token=shared_freak.read_token)
    for header in ("X-HTTP-Method-Override", "X-Original-URL", "X-Forwarded-User"):
        assert http.patch("state", json={"epochs": 20}, headers={header: "GET"}).status_code == 403
