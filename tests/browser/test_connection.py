"""The connection of the page: lost, slow, silent, through a tunnel."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from freak_core import Freak
from tests.browser.conftest import UNREACHED, Open
from tests.browser.form_parts import control
from tests.browser.page_parts import Crawler, badge, entry
from tests.browser.tunnel import Tunnel
from tests.core.conftest import Serve, connection
from tests.waiting import eventually


def port_of(freak: Freak) -> int:
    return httpx.URL(freak.url).port or 0


def test_an_answer_from_before_the_end_does_not_bring_a_run_back(served: Serve, open_page: Open) -> None:
    """The page asks for the run's pace while it ends, and the answer comes after the end."""
    freak = served(Crawler())
    page = open_page(freak.link or "", UNREACHED)
    expect(badge(page)).to_have_text("live")
    held: list[Any] = []
    page.route("**/run", lambda route: held.append((route, route.fetch().json())))
    eventually(lambda: page.wait_for_timeout(50) or held, within=20, what="a question for the pace")
    freak.stop()
    expect(badge(page)).to_have_text("finished")
    route, told = held[0]
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/run")):
        route.fulfill(json=told)
    expect(badge(page)).to_have_text("finished")
    page.wait_for_timeout(200)
    expect(badge(page)).to_have_text("finished")


def test_an_answer_from_before_some_progress_turns_nothing_back(served: Serve, open_page: Open) -> None:
    """Of an answer that the stream has overtaken, the page takes only what no event has told since."""
    freak = served(Crawler(), name="crawler")
    freak.publish(step=3)
    page = open_page(freak.link or "")
    expect(page).to_have_title("● crawler · step 3")
    held: list[Any] = []
    page.route("**/run", lambda route: held.append((route, route.fetch().json())))
    eventually(lambda: page.wait_for_timeout(50) or held, within=20, what="a question for the pace")
    freak.publish(step=9)
    expect(page).to_have_title("● crawler · step 9")
    route, told = held[0]
    assert told["step"] == 3
    told = {**told, "stalled": True, "seconds_since_progress": 93.2, "steps_per_second": 120.0}
    route.fulfill(json=told)
    expect(page.get_by_role("banner")).to_contain_text("steps/s120")
    expect(page).to_have_title("● crawler · step 9")


def test_values_are_greyed_while_disconnected_and_catch_up(
    context: BrowserContext, served: Serve, open_page: Open
) -> None:
    """Nothing can be sent while disconnected; afterwards the page has every missed event."""
    freak = served(Crawler())
    page = open_page(freak.link or "", UNREACHED)
    expect(badge(page)).to_have_text("live")
    context.set_offline(True)
    expect(badge(page)).to_have_text(re.compile("disconnected"))
    expect(page).to_have_title(re.compile("○"))
    expect(page.get_by_text("the page shows the run as it was then")).to_be_visible()
    assert page.locator("main").evaluate("it => getComputedStyle(it.firstElementChild).opacity") != "1"
    with connection(freak) as http:
        http.put("state/rate", json=7, headers={"Freak-Note": "while you were away"})
    context.set_offline(False)
    expect(badge(page)).to_have_text("live")
    expect(entry(page, 1)).to_contain_text("while you were away")
    assert page.locator("main").evaluate("it => getComputedStyle(it.firstElementChild).opacity") == "1"


def test_a_tunnel_to_another_port_works(
    served: Serve, open_page: Open, tunnel: Callable[[int], Tunnel]
) -> None:
    """The page asks its own origin for everything, so ``ssh -L 5555:localhost:4444`` is enough."""
    freak = served(Crawler())
    page = open_page(tunnel(port_of(freak)).through(freak.link or ""))
    expect(badge(page)).to_have_text("live")


def test_a_connection_that_falls_silent_is_given_up(
    served: Serve, open_page: Open, tunnel: Callable[[int], Tunnel]
) -> None:
    """When the tunnel works again, so does the page; a write is applied once."""
    crawler = Crawler()
    freak = served(crawler)
    through = tunnel(port_of(freak))
    page = open_page(through.through(freak.link or ""), UNREACHED)
    expect(badge(page)).to_have_text("live")
    control(page, "/rate").fill("7")
    expect(page.get_by_role("button", name="Apply 1 change")).to_be_enabled()
    through.fall_silent()
    with page.expect_request(lambda request: request.method == "PATCH" and "dry_run" not in request.url):
        page.get_by_role("button", name="Apply 1 change").click()
    with page.expect_request("**/events", timeout=30_000):
        expect(badge(page)).to_have_text(re.compile("disconnected"), timeout=30_000)
    through.work_again()
    expect(badge(page)).to_have_text("live", timeout=30_000)
    expect(page.locator(".staged-bar .answer")).to_have_text("applied", timeout=30_000)
    assert crawler.rate == 7
    with connection(freak) as http:
        assert len(http.get("receipts").json()) == 1


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


FIXED = "a-token-of-the-user-for-all-runs"


def test_the_page_goes_on_to_the_next_run_of_the_program(served: Serve, open_page: Open) -> None:
    """A script with several fits has one after the other at one address; the user has given all one token."""
    port = free_port()
    first = served(Crawler(), name="first", port=port, token=FIXED)
    page = open_page(first.link or "", UNREACHED)
    expect(badge(page)).to_have_text("live")
    first.stop()
    expect(badge(page)).to_have_text("finished")
    served(Crawler(rate=2.0), name="second", port=port, token=FIXED)
    expect(page.get_by_role("heading", level=1)).to_have_text("second", timeout=30_000)
    expect(badge(page)).to_have_text("live")
    expect(control(page, "/rate")).to_have_value("2.0")
    expect(page.get_by_role("banner")).to_contain_text(
        "The run first has ended (finished); this page went on"
    )
    expect(page.get_by_role("banner")).to_contain_text(f"freak open {first.id}")


def test_the_end_of_a_run_that_the_page_has_missed_leads_on_too(
    served: Serve, open_page: Open, context: BrowserContext
) -> None:
    """The page was offline when one run ended and the next one began."""
    port = free_port()
    first = served(Crawler(), name="first", port=port, token=FIXED)
    page = open_page(first.link or "", UNREACHED)
    expect(badge(page)).to_have_text("live")
    context.set_offline(True)
    expect(badge(page)).to_have_text(re.compile("disconnected"))
    first.stop()
    served(Crawler(), name="second", port=port, token=FIXED)
    context.set_offline(False)
    expect(page.get_by_role("heading", level=1)).to_have_text("second", timeout=30_000)
    expect(page.get_by_role("banner")).to_contain_text("The run first has ended; this page went on")


def test_the_next_run_with_a_token_of_its_own_is_announced(served: Serve, open_page: Open) -> None:
    """The page of the one that has ended stays as it is, and asks for no token."""
    port = free_port()
    first = served(Crawler(), name="first", port=port)
    page = open_page(first.link or "", (*UNREACHED, "401"))
    expect(badge(page)).to_have_text("live")
    first.stop()
    expect(badge(page)).to_have_text("finished")
    served(Crawler(rate=2.0), name="second", port=port)
    expect(page.get_by_role("banner")).to_contain_text("Another run has this address now", timeout=30_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    expect(badge(page)).to_have_text("finished")
    expect(control(page, "/rate")).to_have_value("1.0")


OTHER = """
import sys
from freak_core import Freak
from pydantic import BaseModel
class State(BaseModel):
    rate: float = 1.0
with Freak(name="other", port=int(sys.argv[1])).control(State()):
    print("serves", flush=True)
    sys.stdin.read()
"""


def test_a_page_whose_address_another_program_has_asks_for_no_token(
    served: Serve, open_page: Open, context: BrowserContext
) -> None:
    """It shows the run as it was, and says where to look for it."""
    port = free_port()
    freak = served(Crawler(), name="first", port=port)
    freak.publish(step=7)
    page = open_page(freak.link or "", (*UNREACHED, "401"))
    expect(page).to_have_title("● first · step 7")
    context.set_offline(True)
    expect(badge(page)).to_have_text(re.compile("disconnected"))
    freak.stop()
    command = [sys.executable, "-c", OTHER, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"serves\n"
            context.set_offline(False)
            expect(badge(page)).to_have_text("gone", timeout=30_000)
            expect(page.get_by_role("heading", level=1)).to_have_text("first")
            expect(page.get_by_role("alert")).to_contain_text("Another program has this address now")
            expect(page.get_by_role("alert")).to_contain_text(f"freak open {freak.id}")
            expect(page.get_by_text("Not connected: nothing can be changed.")).to_be_visible()
        finally:
            other.kill()


def look_away(page: Page, away: bool = True) -> None:
    """Hide a page as another tab does, or show it again."""
    page.evaluate(
        """away => {
            Object.defineProperty(document, "hidden", {value: away, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


def test_pages_that_nobody_sees_leave_connections_for_others(
    served: Serve, open_page: Open, context: BrowserContext
) -> None:
    """A browser has six connections for all pages of a run; who comes back to a page finds it up to date."""
    freak = served(Crawler(), name="crawler")
    context.clock.install()
    pages = []
    for _ in range(7):
        pages.append(open_page(freak.link or ""))
        expect(badge(pages[-1])).to_have_text("live")
        look_away(pages[-1])
        pages[-1].clock.fast_forward(31_000)
    last = open_page(freak.link or "")
    expect(badge(last)).to_have_text("live")
    with connection(freak) as http:
        http.put("state/rate", json=7)
    freak.publish(step=5)
    expect(entry(last, 1)).to_contain_text("rate 1.0 → 7.0")
    expect(last).to_have_title("● crawler · step 5")
    first = pages[0]
    expect(entry(first, 1)).to_have_count(0)
    first.clock.fast_forward(21_000)
    expect(first).to_have_title("● crawler · step 5")
    with first.expect_request("**/events") as resumed:
        look_away(first, away=False)
    assert resumed.value.headers["last-event-id"]
    expect(entry(first, 1)).to_contain_text("rate 1.0 → 7.0")
    expect(control(first, "/rate")).to_have_value("7.0")
    freak.publish(step=6)
    expect(first).to_have_title("● crawler · step 6")


def test_the_title_of_a_hidden_page_stays_true(
    served: Serve, open_page: Open, context: BrowserContext, tunnel: Callable[[int], Tunnel]
) -> None:
    """It says that a program stalls, that the server is silent, and that it answers again."""
    freak = served(Crawler(), name="crawler")
    through = tunnel(port_of(freak))
    context.clock.install()
    page = open_page(through.through(freak.link or ""), UNREACHED)
    expect(badge(page)).to_have_text("live")

    def stalled(route: Any) -> None:
        route.fulfill(json={**route.fetch().json(), "stalled": True, "seconds_since_progress": 93.2})

    page.route("**/run", stalled)
    look_away(page)
    page.clock.fast_forward(31_000)
    expect(page).to_have_title("▲ crawler")
    page.unroute("**/run")
    through.fall_silent()
    for _ in range(2):
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/run"), timeout=20_000):
            page.clock.fast_forward(21_000)
    expect(page).to_have_title("○ crawler")
    through.work_again()

    def heard_again() -> bool:
        page.clock.fast_forward(21_000)
        page.wait_for_timeout(100)
        return page.title() == "● crawler"

    eventually(heard_again, within=40, what="a title that says live")
    look_away(page, away=False)
    freak.publish(step=7)
    expect(page).to_have_title("● crawler · step 7")
