"""The header, the controls, the actions and the timeline, on plain programs in a real browser."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from freak_core import Applied, Freak
from tests.browser.conftest import Open
from tests.browser.page_parts import Crawler, badge, entry
from tests.core.conftest import Serve, connection

Barriers = Callable[[Page], list[str]]


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_the_badge_and_the_title_say_how_the_run_is(served: Serve, open_page: Open) -> None:
    """Live, stalled for 93 s, paused for 4 min, failed with its error: each in words."""
    freak = served(Crawler(), name="crawler")
    freak.publish(step=3)
    page = open_page(freak.link or "")
    expect(page.get_by_role("heading", level=1)).to_have_text("crawler")
    expect(badge(page)).to_have_text("live")
    expect(page).to_have_title("● crawler · step 3")
    assert "token" not in page.url

    freak.phase("training", eta_s=3700.0, total_steps=1000, world_size=8, max_epochs=5)
    freak.publish(step=1200, epoch=1)
    facts = page.get_by_role("banner")
    for what in ("training", "1 / 5", "1,200 / 1,000", "62 min", "8"):
        expect(facts.get_by_text(what, exact=True)).to_be_visible()
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()

    def stalled(route: Any) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "stalled": True, "seconds_since_progress": 93.2})

    page.route("**/run", stalled)
    expect(badge(page)).to_have_text(re.compile(r"stalled for 9\d s"))
    expect(page).to_have_title(re.compile("▲"))
    page.unroute("**/run")
    expect(badge(page)).to_have_text("live")

    freak.phase("paused", paused_since=ago(240), pause_reason=None)
    expect(badge(page)).to_have_text("paused for 4 min")
    freak.stop(RuntimeError("out of memory"))
    expect(badge(page)).to_have_text("failed")
    expect(page.get_by_role("alert")).to_have_text("RuntimeError: out of memory")
    expect(page).to_have_title(re.compile("✕"))


def test_a_run_that_was_stopped_says_so_at_the_top(served: Serve, open_page: Open) -> None:
    """With the reason and the checkpoint; not where training has gone on since."""
    told = {"stopped_after": "epoch", "reason": "good enough", "checkpoint": {"path": "/runs/stop.ckpt"}}
    for last, ends in ((7, 1), (9, 0)):
        freak = served(Crawler())
        freak.store.record("stop", Applied(step=7, ranks=2), told)
        freak.publish(step=last)
        page = open_page(freak.link or "")
        expect(badge(page)).to_have_text("live")
        freak.stop()
        expect(badge(page)).to_have_text("finished")
        stopped = page.get_by_text("Stopped at step 7 on 2 ranks: good enough · checkpoint /runs/stop.ckpt")
        expect(stopped).to_have_count(ends)


def test_the_timeline_tells_each_request_and_takes_changes_back(
    served: Serve, open_page: Open, barriers: Barriers
) -> None:
    """Old → new, who, why, refusals with reasons; undo asks for the old values."""
    freak = served(Crawler())
    page = open_page(freak.link or "")
    expect(page.get_by_text("No requests yet")).to_be_visible()
    with connection(freak) as http:
        body = {"rate": 2.5, "weights": {"c.d": 4}, "model": {"dropout": 0.1}}
        http.patch("state", json=body, headers={"Freak-Note": "spike"})
        http.put("state/rate", json=1000)
        http.put("state/password", json="new")
        first, refused, secret = (entry(page, seq) for seq in (1, 2, 3))
        expect(first).to_contain_text("applied")
        for words in (
            "by owner",
            "spike",
            "rate 1.0 → 2.5",
            "weights.c.d null → 4.0",
            "model.dropout null → 0.1",
        ):
            expect(first).to_contain_text(words)
        expect(first.locator("time")).to_have_attribute("title", re.compile(r"\d"))
        expect(refused).to_contain_text("rejected")
        expect(refused).to_contain_text("less than or equal to 100")
        expect(refused.get_by_role("button")).to_have_count(0)
        expect(secret).to_contain_text("**********")
        expect(secret.get_by_role("button")).to_have_count(0)

        page.get_by_role("button", name="Undo #1").click()
        expect(entry(page, 4)).to_contain_text("undo of #1")
        assert http.get("state").json()["weights"] == {"a/b": 1.0}
        assert http.get("state").json()["model"]["dropout"] is None
        expect(page.get_by_role("button", name="Undo #1")).to_be_disabled()

        http.put("state/rate", json=9)
        page.get_by_role("button", name="Undo #4").click()
        expect(page.get_by_role("dialog")).to_contain_text("rate has been changed since")
        assert barriers(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert http.get("state/rate").json() == 9
        page.get_by_role("button", name="Undo #4").click()
        page.get_by_role("dialog").get_by_role("button", name="Undo").click()
        expect(entry(page, 6)).to_contain_text("rate 9.0 → 2.5")

    page.keyboard.press("/")
    page.keyboard.type("spike")
    expect(page.locator(".timeline ol > li")).to_have_count(1)
    page.get_by_label("Search the timeline").fill("")
    page.get_by_label("Status").select_option("rejected")
    expect(page.locator(".timeline ol > li")).to_have_count(1)
    expect(entry(page, 2)).to_be_visible()


def test_the_newest_request_is_told_at_the_top(served: Serve, open_page: Open) -> None:
    """With old → new and what became of it, in sight; it is read out by the timeline alone."""
    freak = served(Crawler())
    page = open_page(freak.link or "")
    expect(badge(page)).to_have_text("live")
    latest = page.locator(".latest")
    expect(latest).to_have_count(0)
    with connection(freak) as http:
        http.patch("state", json={"rate": 2.5, "weights": {"c.d": 4}})
        expect(latest).to_contain_text(
            re.compile(r"#1 rate 1\.0 → 2\.5, and 1 more · applied · (just now|\d+ s ago)")
        )
        http.put("state/rate", json=1000)
        expect(latest).to_contain_text(re.compile(r"#2 set rate · rejected: .*less than or equal to 100"))
    expect(latest).to_be_in_viewport()
    assert latest.evaluate("line => line.closest('[aria-live], [role=status], [role=alert]')") is None
    latest.get_by_role("link").click()
    expect(entry(page, 2)).to_be_in_viewport()


def test_a_phone_jumps_to_the_sections(served: Serve, open_page: Open) -> None:
    """Only to those that there are."""
    page = open_page(served(Crawler()).link or "")
    expect(badge(page)).to_have_text("live")
    jumps = page.get_by_role("navigation", name="Sections").get_by_role("link")
    expect(jumps).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(jumps).to_have_text(["Metrics", "State", "Timeline"])
    for jump in jumps.all():
        jump.click()
        expect(page.get_by_role("heading", name=jump.inner_text(), exact=False)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_older_requests_are_loaded_on_demand(served: Serve, open_page: Open) -> None:
    """The page begins with the newest 300 and fetches what came before."""
    freak = served(Crawler())
    for number in range(310):
        freak.store.record("backup", Applied(step=number), {"pages": number})
    page = open_page(freak.link or "")
    expect(entry(page, 310)).to_be_visible()
    for _ in range(10):
        page.get_by_role("button", name="Show older").click()
    expect(entry(page, 1)).to_be_visible()
    expect(page.get_by_role("button", name="Show older")).to_have_count(0)


def test_actions_take_arguments_ask_first_and_can_be_cancelled(served: Serve, open_page: Open) -> None:
    """Fields by type, reasons at the field, a question before what is destructive, cancel while it waits."""
    freak = Freak(port=0, apply="sync")
    called: list[Any] = []

    @freak.action
    def flush(keep: int, mode: Literal["soft", "hard"] = "soft", tags: list[str] | None = None) -> str:
        """Throw away what is queued.

        Args: not for the page.
        """
        called.append((keep, mode, tags))
        return "flushed"

    @freak.action(confirm=True)
    def forget_everything() -> None:
        """Forgets every page that was seen."""
        called.append("forgot")

    served(Crawler(), freak)
    page = open_page(freak.link or "", ("422",))
    actions = page.get_by_role("region", name="Actions")
    expect(actions).to_contain_text("Throw away what is queued.")
    expect(actions).not_to_contain_text("not for the page")
    actions.get_by_role("button", name="Flush…").click()
    dialog = page.get_by_role("dialog", name="Flush")
    dialog.get_by_role("button", name="Flush").click()
    expect(dialog.get_by_label("Keep")).to_have_accessible_description(re.compile("required", re.IGNORECASE))
    dialog.get_by_label("Keep").fill("many")
    dialog.get_by_role("button", name="Flush").click()
    expect(dialog.get_by_label("Keep")).to_have_accessible_description("not a number")
    dialog.get_by_label("Keep").fill("3")
    dialog.get_by_label("Mode").select_option("hard")
    dialog.get_by_label("Tags").fill('["a"]')
    dialog.get_by_role("button", name="Flush").click()
    expect(dialog).to_have_count(0)
    expect(actions).to_contain_text("waits for the program's next safe point")
    freak.sync(step=7)
    expect(actions).to_contain_text("flushed at step 7")
    assert called == [(3, "hard", ["a"])]

    actions.get_by_role("button", name="Forget everything").click()
    expect(page.get_by_role("dialog")).to_contain_text("Forgets every page that was seen.")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    actions.get_by_role("button", name="Forget everything").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget everything").click()
    cancel = page.locator(".timeline").get_by_role("button", name="Cancel #")
    cancel.click()
    expect(page.locator(".timeline li.cancelled")).to_have_count(1)
    expect(cancel).to_have_count(0)
    assert freak.sync(step=8) == []
    assert "forgot" not in called


def test_who_has_no_token_can_paste_the_link(served: Serve, open_page: Open, barriers: Barriers) -> None:
    """Also under a path prefix, with the token alone or the whole link, and with the read-only token."""
    freak = served(Crawler(), prefix="/runs/7", name="behind a prefix")
    page = open_page(f"{freak.url}/", ("401",))
    field = page.get_by_label("Link or token")
    expect(page.get_by_role("alert")).to_have_text("This page needs the run's token.")
    assert barriers(page) == []
    field.fill("a wrong token ü")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("the token is not valid")
    field.fill(freak.link or "")
    page.get_by_role("button", name="Open").click()
    expect(badge(page)).to_have_text("live")
    expect(page.get_by_role("heading", level=1)).to_have_text("behind a prefix")
    page.reload()
    expect(badge(page)).to_have_text("live")

    page.goto(f"{freak.url}/#token={freak.read_token}")
    expect(page.get_by_text("read only")).to_be_visible()
    with connection(freak) as http:
        http.put("state/rate", json=2)
    expect(page.get_by_role("button", name="Undo #1")).to_be_disabled()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_keyboard_themes_and_phones(served: Serve, open_page: Open, barriers: Barriers, colours: str) -> None:
    """No serious barrier in either theme; skip link, ``?`` and Escape work; 360 pixels are wide enough."""
    freak = served(Crawler())
    with connection(freak) as http:
        http.patch(
            "state", json={"weights": {"a_very_long_key_" * 8: 1e-30}}, headers={"Freak-Note": "x" * 300}
        )
    page = open_page(freak.link or "")
    expect(badge(page)).to_have_text("live")
    page.get_by_label("Colours").select_option(colours)
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == colours
    page.reload()
    expect(page.get_by_label("Colours")).to_have_value(colours)
    expect(badge(page)).to_have_text("live")
    expect(entry(page, 1)).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.set_viewport_size({"width": 360, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
