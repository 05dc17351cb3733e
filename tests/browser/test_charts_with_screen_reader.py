"""Charts with a screen reader: it reads the value that a key leads to, not what changes by itself."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from freak_core import Client, Freak
from tests.browser.chart_parts import Steered, at, chart, loss, plot, publish


def test_the_value_at_a_key_is_read_out(served: Callable[..., Freak], open_page: Callable[..., Page]) -> None:
    """Only keys change the live region; a chart keeps its label while it has the focus."""
    freak = served(Steered())
    publish(freak, range(50))
    page = open_page(freak.link)
    expect(chart(page, "train/loss").locator("canvas")).to_be_visible()
    spoken = page.get_by_role("region", name="Metrics").locator("[aria-live=polite]")
    expect(spoken).to_have_count(1)
    page.mouse.move(*at(page, "train/loss", 20 / 49))
    expect(chart(page, "train/loss").locator(".readout")).to_have_text("step 20: not finite")
    page.mouse.move(0, 0)
    expect(spoken).to_have_text("")

    words = plot(page, "train/loss")
    words.press("End")
    expect(spoken).to_have_text(f"step 49: {loss(49):.5g}")
    words.press("ArrowLeft")
    expect(spoken).to_have_text(f"step 48: {loss(48):.5g}")
    with Client(freak.link) as client:
        client.set({"lr.hold": 0.5})
    label = words.get_attribute("aria-label") or ""
    publish(freak, range(50, 60))
    expect(plot(page, "train/acc")).to_have_attribute("aria-label", re.compile("latest 0.49"))
    expect(words).to_have_attribute("aria-label", label)
    expect(spoken).to_have_text(f"step 48: {loss(48):.5g}")
    words.press("End")
    expect(spoken).to_have_text(re.compile(rf"^step 59: {loss(59):.5g}"))
    page.get_by_label("Log scale").focus()
    expect(words).to_have_attribute("aria-label", re.compile(f"latest {loss(59):.5g}"))
