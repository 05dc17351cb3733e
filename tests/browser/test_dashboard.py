"""The dashboard in a real browser."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_the_printed_link_shows_a_live_run(dashboard: Callable[..., Page]) -> None:
    page = dashboard(name="crawler")
    expect(page.get_by_role("heading", level=1)).to_have_text("crawler")
    expect(page.get_by_role("status").first).to_have_text("live")
    assert "token" not in page.url
