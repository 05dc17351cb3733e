"""The list of all runs at its ends: no run, a thousand, a broken folder, no token, no server."""

import re
import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from freak_core.runs.run_folder import RunFolder
from tests.browser.conftest import UNREACHED, Open
from tests.core.conftest import Serve
from tests.core.ui.conftest import start, ui
from tests.core.ui.folders import leave_run
from tests.core.ui.process import Ui

__all__ = ["start", "ui"]


def rows(page: Page) -> int:
    return page.locator("table.runs tbody th[scope=row]").count()


def test_an_empty_list_says_how_to_start_a_run_and_shows_the_first_one(
    ui: Ui, served: Serve, open_page: Open
) -> None:
    page = open_page(ui.link)
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()
    expect(page.get_by_text("Trainer(callbacks=remote_control())")).to_be_visible()
    served(name="first")
    expect(page.get_by_role("link", name="first")).to_be_visible(timeout=20_000)


def test_a_thousand_runs_are_listed_and_keep_selection_and_place(home: Path, ui: Ui, open_page: Open) -> None:
    for number in range(1000):
        leave_run(number)
    page = open_page(ui.link)
    expect(page.get_by_role("status").filter(has_text="1000 runs")).to_be_visible(timeout=30_000)
    assert rows(page) == 1000
    boxes = page.locator("table.runs tbody input[type=checkbox]")
    boxes.nth(500).check()
    boxes.nth(509).click(modifiers=["Shift"])
    expect(page.get_by_role("button", name="Compare 10 runs")).to_be_enabled()
    place = page.evaluate("scrollY")
    assert place > 0
    leave_run(1000)
    expect(page.get_by_role("status").filter(has_text="1001 runs")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Compare 10 runs")).to_be_enabled()
    assert abs(page.evaluate("scrollY") - place) < 100


def test_a_broken_folder_is_listed_with_the_reason_and_leads_nowhere(ui: Ui, open_page: Open) -> None:
    folder = RunFolder("torn").make()
    (folder / "summary.json").write_text("{")
    leave_run(1)
    page = open_page(ui.link)
    torn = page.get_by_role("row").filter(has_text="torn")
    expect(torn).to_contain_text("broken", timeout=20_000)
    expect(torn).to_contain_text("summary.json")
    expect(torn.get_by_role("link")).to_have_count(0)
    expect(torn.get_by_role("checkbox")).to_be_disabled()


def test_without_the_token_the_page_asks_for_it(ui: Ui, served: Serve, open_page: Open) -> None:
    served(name="hidden")
    page = open_page(ui.url, ("401",))
    expect(page.get_by_role("heading", name="Access to the runs")).to_be_visible()
    assert "hidden" not in page.content()
    page.get_by_label("Link or token").fill(ui.link)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("link", name="hidden")).to_be_visible(timeout=20_000)


def test_a_server_that_has_ended_is_told_and_the_list_goes_on_with_the_next_one(
    home: Path, ui: Ui, served: Serve, open_page: Open
) -> None:
    served(name="steady")
    page = open_page(ui.link, (*UNREACHED, "Failed to load"))
    expect(page.get_by_role("link", name="steady")).to_be_visible(timeout=20_000)
    port = ui.port
    ui.end(signal.SIGKILL)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("freak ui does not answer", timeout=20_000)
    expect(page.get_by_role("link", name="steady")).to_be_visible()
    with Ui(home, "--port", str(port)):
        expect(alert).to_have_count(0, timeout=20_000)


def test_a_run_in_a_new_tab_needs_no_token(ui: Ui, served: Serve, open_page: Open) -> None:
    """A tab that the browser opens by itself would not know the token."""
    served(name="beside")
    page = open_page(ui.link)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="beside").click(modifiers=["ControlOrMeta"])
    expect(popup.value.get_by_role("status").first).to_have_text("live", timeout=20_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Runs$"))


MODULES = """() => {
    const linked = [...document.querySelectorAll("link[rel=modulepreload]")].map(({href}) => href);
    const loaded = performance.getEntriesByType("resource").map(({name}) => name.split("?")[0]);
    return [linked.sort(), loaded.filter((name) => name.endsWith(".js")).sort()];
}"""


def test_a_page_loads_its_modules_at_once_and_no_others(ui: Ui, served: Serve, open_page: Open) -> None:
    """One after the other, they take a second through a tunnel."""
    for link, heading in ((ui.link, "Runs"), (served(name="mine").link or "", "mine")):
        page = open_page(link)
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible(timeout=20_000)
        linked, loaded = page.evaluate(MODULES)
        assert len(loaded) > 40
        assert linked == loaded
