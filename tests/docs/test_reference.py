"""The pages in docs/reference say what the source says, and the source explains everything."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from freak_core import Freak
from freak_core.server.connection_shares import most_connections, places_of
from tests.core.steered import Steered
from tests.docs.reference.http_api import HEADERS
from tests.docs.reference.pages import FOLDER, UNDOCUMENTED, unexplained, written

AGAIN = "run 'make reference' and commit what it writes"
OF_HTTP = {
    "date",
    "server",
    "content-length",
    "content-type",
    "content-encoding",
    "connection",
    "last-modified",
}
OF_HTTP |= {"transfer-encoding", "accept-ranges"}

Pages = tuple[dict[str, str], list[str]]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return written(tmp_path_factory.mktemp("home"))


def test_the_reference_pages_are_what_the_source_says(pages: Pages) -> None:
    texts, missing = pages
    for name, text in texts.items():
        path = FOLDER / name
        there = path.read_text() if path.exists() else ""
        assert there == text, f"docs/reference/{name} is not what the source says: {AGAIN}"
    assert {path.name for path in FOLDER.glob("*.md")} == set(texts)
    explained = set(UNDOCUMENTED.read_text().splitlines()) - set(missing)
    assert not explained, f"{UNDOCUMENTED.name} lists what is documented by now: {AGAIN}"


def test_every_parameter_option_and_field_is_explained(pages: Pages) -> None:
    new = unexplained(pages[1])
    assert not new, f"no docstring, help or description explains: {', '.join(new)}"


def test_every_header_of_an_answer_is_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path))
    sent: set[str] = set()
    with (
        Freak(port=0, apply="sync").control(Steered()) as freak,
        httpx.Client(base_url=freak.url, headers={"Authorization": f"Bearer {freak.token}"}) as http,
    ):
        tag = http.get("/state").headers["ETag"]
        answers = [
            http.get("/state", headers={"If-None-Match": tag}),
            http.get("/"),
            http.get("/state", headers={"Authorization": ""}),
            http.request("TRACE", "/state"),
            http.patch("/state", json={"epochs": 3}),
        ]
        answers.append(http.patch("/state", json={"epochs": 3}, params={"dry_run": "true"}))
        answers.append(asyncio.run(one_long_poll_too_many(freak)))
        with http.stream("GET", "/events") as events:
            answers.append(events)
        statuses = {answer.status_code for answer in answers}
        assert statuses == {200, 202, 304, 401, 405, 429}
        sent = {name for answer in answers for name in answer.headers}
    documented = {name.lower() for name in HEADERS}
    assert sent - OF_HTTP <= documented
    assert documented <= sent, "a header is documented that no answer has"


async def one_long_poll_too_many(freak: Freak) -> httpx.Response:
    """Open one long poll more than a token may have; return the answer, which does not wait."""
    most = places_of("owner", most_connections()) // 4
    headers, limits = {"Authorization": f"Bearer {freak.token}"}, httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=freak.url, headers=headers, limits=limits, timeout=60) as http:
        polls = [asyncio.create_task(http.get("/run?wait=60&step=99999")) for _ in range(most + 1)]
        (refused, *_), _ = await asyncio.wait(polls, timeout=50, return_when=asyncio.FIRST_COMPLETED)
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
    return await refused


def test_a_missing_explanation_is_noticed() -> None:
    import types

    from tests.docs.reference.python_api import PythonPage

    def brew(strength: int, sugar: bool = False) -> None:
        """Make coffee.

        Args:
            strength: from 1 to 5.
        """

    page = PythonPage(types.SimpleNamespace(__all__=["brew"], __name__="coffee", brew=brew), "All of it.")
    assert "| `strength` | `int` |  | from 1 to 5. |" in page.text()
    assert page.missing == ["coffee: brew(sugar)"]
    assert re.search(r"`sugar`.*undocumented", page.text())
