"""Fixtures: Debian's Chromium, and pages in it that may talk to one origin only and log no error."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from freak_core import Freak
from tests.browser.form_parts import Shown
from tests.browser.tunnel import Tunnel
from tests.core.conftest import closing, home, served
from tests.dashboard.npm_packages import MODULES, install

__all__ = ["closing", "home", "served"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


UNREACHED = ("net::ERR_",)
"""What Chromium logs of requests while there is no server."""

Open = Callable[..., Page]


def waits_for_the_next_fit(message: ConsoleMessage) -> bool:
    """Return whether the page of a run that has ended has asked its address for another, in vain."""
    refused = "net::ERR_CONNECTION_REFUSED" in message.text
    return refused and urlsplit(message.location["url"]).path.endswith("/run")


def chromium_path() -> str:
    """Return Chromium's path: of the build without windows, which starts sooner, if it is there."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert path, "Chromium is missing: apt-get install chromium-headless-shell"
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless; `make test` installs it.

    For a module: while Playwright is there an event loop runs on this thread, where other tests start theirs.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: no token, nothing cached."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(20_000)
        yield context


@pytest.fixture
def open_page(context: BrowserContext) -> Iterator[Open]:
    """Return a function that opens a link; at the end nothing may have left its origin or logged an error.

    ``expected`` names errors of the console that the test provokes, by a piece of their text.
    """
    foreign: list[str] = []
    errors: list[str] = []

    def open_page(link: str, expected: tuple[str, ...] = ()) -> Page:
        page = context.new_page()
        origin = urlsplit(link).netloc

        def console(message: ConsoleMessage) -> None:
            if waits_for_the_next_fit(message):
                return
            if message.type == "error" and not any(piece in message.text for piece in expected):
                errors.append(f"{message.text} at {message.location}")

        page.on("console", console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda request: (
                urlsplit(request.url).netloc == origin
                or urlsplit(request.url).scheme in ("data", "blob")
                or foreign.append(request.url)
            ),
        )
        page.goto(link)
        return page

    yield open_page
    assert foreign == []
    assert errors == []


@pytest.fixture
def dashboard(served: Callable[..., Freak], open_page: Open) -> Callable[..., Page]:
    """Return a function that puts a state under control and opens its dashboard."""

    def dashboard(state: object = None, **options: object) -> Page:
        freak = served(state, **options)
        assert freak.link is not None
        return open_page(freak.link)

    return dashboard


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source."""
    install()
    return (MODULES / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def barriers(axe: str) -> Callable[[Page], list[str]]:
    """Return a function that lists what keeps people out of a page: axe's serious violations."""

    def barriers(page: Page) -> list[str]:
        page.evaluate(axe)  # not a script tag: the page's security policy allows none
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    return barriers


@pytest.fixture
def tunnel(closing: ExitStack) -> Callable[[int], Tunnel]:
    """Return a function that forwards a new port to another, as ``ssh -L`` does."""
    return lambda port: closing.enter_context(Tunnel(port))


@pytest.fixture
def shown(served: Callable[..., Freak], open_page: Open) -> Shown:
    """Return a function that puts a state under control and opens its form; ``also`` is an expected error."""

    def shown(state: Any, also: str = "status of 422", **options: Any) -> tuple[Page, Any, Freak]:
        freak = served(state, **options)
        assert freak.link is not None
        page = open_page(freak.link, expected=("status of 422", "status of 412", also))
        expect(page.get_by_role("status").filter(has_text="live").first).to_be_visible()
        return page, state, freak

    return shown
