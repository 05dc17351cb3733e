"""Charts of very long runs, of very many metrics, and of programs that count no steps."""

import math
import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from freak_core import Client, Freak
from tests.browser.chart_parts import Steered, drag, plot, readout

DRAWS = "Number(document.querySelector('[data-metric=loss] .plot').dataset.draws)"


def told(freak: Freak) -> None:
    """Wait until the server has everything: what nobody takes in time is dropped."""
    assert freak._feed is not None
    assert freak._feed.flush(30)


@pytest.fixture
def long_run(served: Callable[..., Freak]) -> Freak:
    """20,000 steps of four metrics, with a spike of one step and one value that is not finite."""
    freak = served(Steered(), name="long")
    for step in range(20_000):
        value = 50.0 if step == 6_234 else math.nan if step == 14_234 else math.sin(step / 2_000)
        freak.log({"loss": value, "a": step, "b": -step, "c": step % 7}, step=step)
        if step % 900 == 0:
            told(freak)
    told(freak)
    return freak


def test_a_hundred_thousand_points_stay_fluid(long_run: Freak, open_page: Callable[..., Page]) -> None:
    """Spike and gap are seen; drawn four times a second at most; every step where one zooms in."""
    freak = long_run
    page = open_page(freak.link, expected=("ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION"))
    words = plot(page, "loss")
    last = math.sin(9.9995)
    expect(words).to_have_attribute(
        "aria-label",
        f"loss: latest {last:.5g}, lowest {math.sin(-math.pi / 2):g}, highest 50; at least 1 not finite",
    )

    # live: thousands of points a second, and clicks are answered meanwhile
    start = page.evaluate(f"[performance.now(), {DRAWS}]")
    for burst in range(20_000, 25_000, 900):
        steps = range(burst, min(burst + 900, 25_000))
        for step in steps:
            freak.log({"loss": float(step), "a": step, "b": -step, "c": step % 7}, step=step)
        told(freak)
        page.get_by_label("Log scale").focus()
        expect(page.get_by_label("Log scale")).to_be_focused()
        expect(words).to_have_attribute("aria-label", re.compile(f"latest {steps[-1]},"))
    end = page.evaluate(f"[performance.now(), {DRAWS}]")
    assert end[1] > start[1]
    assert end[1] - start[1] <= 4 * (end[0] - start[0]) / 1000 + 2
    kept = page.evaluate(
        "import('./dashboard/live/metric-history.js')"
        ".then(({ metrics }) => metrics.get('loss').points.length)"
    )
    assert kept <= 4000

    # zoomed in, every single step is there
    drag(page, "loss", 0.4, 0.42)
    expect(page.get_by_role("button", name="Reset zoom")).to_be_enabled()
    expect(words).to_have_attribute("aria-busy", "false")
    first = readout(page, "loss", "Home")
    expect(first).to_have_text(re.compile("^step "))
    step = int(first.inner_text().split()[1].rstrip(":"))
    for following in range(step + 1, step + 5):
        expect(readout(page, "loss", "ArrowRight")).to_have_text(re.compile(f"^step {following}: "))

    # the server is started anew: the page goes on, a new page sees the whole run
    before = freak.server_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    other = page.context.new_page()
    other.goto(page.url)
    other.evaluate(f"sessionStorage.setItem('freak-token /', '{freak.token}')")
    other.reload()
    expect(plot(other, "loss")).to_have_attribute("aria-label", re.compile("latest 24999, lowest -"))
    expect(readout(other, "loss", "Home")).to_have_text("step 0: 0")


def test_five_hundred_metrics_draw_only_what_is_seen(
    served: Callable[..., Freak], open_page: Callable[..., Page]
) -> None:
    freak = served(Steered())
    for step in range(100):
        freak.log({f"layer{i % 5}/weight {i}": step * i for i in range(500)}, step=step)
    told(freak)
    page = open_page(freak.link)
    expect(page.locator(".chart")).to_have_count(500)
    expect(page.locator(".chart h4").nth(1)).to_have_text("weight 5")
    expect(page.locator(".chart").first.locator("canvas")).to_have_count(1)
    assert page.locator("canvas").count() < 40
    page.locator(".chart").last.scroll_into_view_if_needed()
    expect(page.locator(".chart").last.locator("canvas")).to_have_count(1)
    expect(page.locator(".chart").first.locator("canvas")).to_have_count(0)
    assert page.locator("canvas").count() < 40
    page.get_by_label("Filter").fill("weight 499")
    expect(page.locator(".chart")).to_have_count(1)
    expect(page.locator(".plot").first).to_have_attribute("aria-label", re.compile("latest 49401, lowest 0"))


def test_a_program_without_steps_has_its_charts_by_time(
    served: Callable[..., Freak], open_page: Callable[..., Page]
) -> None:
    """Changes are marked by their time; text is no metric; a new run on the same port starts anew."""
    freak = served(Steered(), name="bot")
    for i in range(20):
        freak.publish(replies=float(i))
    text: Any = "busy"
    freak.log({"mood": text, "steady": 1.0})
    with Client(freak.link) as client:
        client.set({"lr.hold": 0.5})
    freak.publish(replies=math.inf)
    page = open_page(freak.link)
    expect(plot(page, "replies")).to_have_attribute(
        "aria-label",
        re.compile(
            "latest not finite, lowest 0, highest 19; 1 not finite; "
            r"1 change, the last at [\d.]+s: lr.hold: none → 0.5"
        ),
    )
    expect(page.locator(".chart")).to_have_count(2)
    expect(page.locator(".charts-group")).to_have_count(0)
