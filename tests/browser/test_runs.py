"""A person with a browser looks at all runs of a home: while a sweep goes on, and again when it has ended."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import UNREACHED, Open
from tests.browser.sweep import FAILING, RATES, STOPPED
from tests.browser.test_end_to_end import ROOT, badge, picture
from tests.core.ui.process import Ui
from tests.waiting import eventually

ENDED_WELL = [name for name in RATES if name not in (*FAILING, STOPPED)]


@pytest.fixture
def sweep(home: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The sweep in a process of its own; it ends with the test."""
    command = [sys.executable, "-m", "tests.browser.sweep"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()
        process.wait(30)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def names(page: Page) -> list[str]:
    """Return the names of the runs from the top of the list."""
    return page.locator("table.runs tbody th[scope=row] .name").all_inner_texts()


def select(page: Page, *wanted: str) -> None:
    for name in wanted:
        row(page, name).get_by_role("checkbox").check()


def chart(page: Page, name: str) -> Locator:
    return page.locator(f".chart[data-metric='{name}']")


def curves(page: Page, name: str) -> Locator:
    """Return the drawing of a metric; its label names each run that has a curve, with the latest value."""
    return chart(page, name).get_by_role("img")


def runs_drawn(page: Page, name: str) -> set[str]:
    return set(re.findall(r"(lr=[\d.]+)", curves(page, name).get_attribute("aria-label") or ""))


def drag(page: Page, name: str, start: float, end: float, *, shift: bool = False) -> None:
    """Drag over a part of a chart; with Shift the shown part moves."""
    chart(page, name).scroll_into_view_if_needed()
    box = chart(page, name).locator(".u-over").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, y)
    if shift:
        page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=5)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")
    page.mouse.move(0, 0)


def compare_the_sweep(page: Page) -> None:
    """Compare all six fits from the list: curves over each other, values and final metrics side by side."""
    page.get_by_role("checkbox", name="Select all shown runs").check()
    page.get_by_role("button", name="Compare 6 runs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 6 runs")
    eventually(lambda: runs_drawn(page, "train/loss") == set(RATES), what="six curves of the loss")
    assert runs_drawn(page, "val/loss").isdisjoint(FAILING)
    expect(chart(page, "val/loss")).to_contain_text("4 of 6 runs")

    # One click hides a run in every chart and in the tables.
    legend = page.get_by_role("list", name="Compared runs")
    for failing in FAILING:
        legend.get_by_role("button", name=failing, exact=True).click()
    eventually(lambda: runs_drawn(page, "train/loss") == {*ENDED_WELL, STOPPED}, what="four curves")
    metrics = page.get_by_role("region", name="Final metrics").first
    expect(metrics.get_by_role("columnheader")).to_have_count(5)
    expect(metrics.get_by_role("row", name=re.compile("^val.loss"))).to_be_visible()
    values = page.get_by_role("region", name="Values that differ").first
    expect(values.get_by_role("row", name=re.compile("^stop.reason"))).to_contain_text("none → seen enough")


def test_a_sweep_is_seen_while_it_goes_on_and_when_all_has_ended(
    home: Path, sweep: subprocess.Popen[bytes], open_page: Open, barriers: Callable[[Page], list[str]]
) -> None:
    with Ui(home) as ui:
        page = open_page(ui.link, UNREACHED)

        # Three fits have ended, the fourth goes on: it stands first, and its step moves.
        expect(row(page, STOPPED)).to_contain_text(re.compile("training|validating"), timeout=90_000)
        assert names(page) == ["lr=0.03", "lr=0.1", "lr=5", "lr=0.3"]
        expect(row(page, "lr=5")).to_contain_text("failed")
        expect(row(page, "lr=5")).to_contain_text("ValueError: the loss is")
        step = row(page, STOPPED).locator("td.step")
        expect(step).not_to_have_text(step.inner_text(), timeout=20_000)

        # The list renews itself, and takes nothing away from the user.
        select(page, "lr=0.1", STOPPED)
        row(page, STOPPED).get_by_role("checkbox").focus()
        before = step.inner_text()
        expect(step).not_to_have_text(before, timeout=20_000)
        expect(row(page, STOPPED).get_by_role("checkbox")).to_be_checked()
        expect(row(page, STOPPED).get_by_role("checkbox")).to_be_focused()

        # Compare a run that goes on with one that has ended; its curve grows.
        page.keyboard.press("c")
        eventually(lambda: runs_drawn(page, "train/loss") == {"lr=0.1", STOPPED}, what="two curves")
        label = curves(page, "train/loss").get_attribute("aria-label") or ""
        expect(curves(page, "train/loss")).not_to_have_attribute("aria-label", label, timeout=20_000)
        page.go_back()
        expect(row(page, STOPPED).get_by_role("checkbox")).to_be_checked()

        # Steer the run that goes on, and stop it. Its page goes on to the last fit of the program.
        row(page, STOPPED).get_by_role("link", name=STOPPED).click()
        expect(badge(page)).to_have_text("live")
        page.get_by_role("group", name="lr", exact=True).get_by_label("hold", exact=True).fill("0.02")
        page.get_by_role("button", name=re.compile("^Apply")).click()
        expect(page.locator(".timeline ol > li").first).to_contain_text("null → 0.02")
        page.keyboard.press("s")
        dialog = page.get_by_role("dialog", name="Stop the training")
        dialog.get_by_label("Reason").fill("seen enough")
        dialog.get_by_role("button", name="Stop the training").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("lr=0.01", timeout=60_000)
        expect(page.get_by_role("banner")).to_contain_text("lr=8 has ended (failed); this page went on")
        assert sweep.wait(60) == 0
        expect(badge(page)).to_have_text("finished", timeout=20_000)

        # Back at a fit that has ended, the page stays there.
        page.get_by_role("link", name="Back to lr=8").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("lr=8")
        expect(page.get_by_role("link", name="lr=0.01")).to_be_visible(timeout=20_000)
        expect(badge(page)).to_have_text("failed")
        page.get_by_role("link", name="All runs").click()
        expect(row(page, "lr=0.01")).to_contain_text("finished")
        compare_the_sweep(page)
        page.close()

    with Ui(home) as ui:
        page = open_page(ui.link, UNREACHED)
        the_list(page, barriers)
        the_comparison(page, barriers)
        page.get_by_role("link", name="All runs").click()
        the_run_that_was_stopped(page, barriers)


def the_list(page: Page, barriers: Callable[[Page], list[str]]) -> None:
    """Sort, filter and group the list of the runs that have ended."""
    expect(row(page, STOPPED)).to_contain_text("stopped")
    expect(row(page, STOPPED)).to_contain_text("stopped by owner: seen enough")
    expect(row(page, STOPPED).locator("td.steered")).to_have_text("owner")
    for name in FAILING:
        expect(row(page, name).locator(".badge")).to_have_text(re.compile("failed"))
    for colours in ("dark", "light"):
        page.get_by_label("Colours").select_option(colours)
        assert barriers(page) == []
    picture(page, "runs")

    steps = page.get_by_role("columnheader", name="Step")
    steps.get_by_role("button").click()
    expect(steps).to_have_attribute("aria-sort", "descending")
    assert names(page)[0] == STOPPED
    steps.get_by_role("button").click()
    expect(steps).to_have_attribute("aria-sort", "ascending")
    assert set(names(page)[:2]) == set(FAILING)
    page.get_by_role("columnheader", name="train/loss").get_by_role("button").click()
    assert set(names(page)[-2:]) == set(FAILING)

    page.keyboard.press("/")
    page.keyboard.type("state=failed")
    expect(page.locator("table.runs tbody th[scope=row]")).to_have_count(2)
    expect(page.get_by_role("status").filter(has_text="2 of 6 runs")).to_be_visible()
    page.get_by_label("Filter", exact=True).fill("val/loss<1e9 step>=100")
    expect(page.locator("table.runs tbody th[scope=row]")).to_have_count(4)
    page.get_by_label("Filter", exact=True).fill("")

    page.get_by_label("Group by sweep").check()
    group = page.get_by_role("button", name=re.compile("6 runs$"))
    expect(group).to_have_attribute("aria-expanded", "true")
    group.click()
    expect(page.locator("table.runs tbody th[scope=row]")).to_have_count(0)
    group.click()
    page.get_by_label("Group by sweep").uncheck()

    page.set_viewport_size({"width": 390, "height": 844})
    expect(row(page, STOPPED)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.set_viewport_size({"width": 1280, "height": 900})


def the_comparison(page: Page, barriers: Callable[[Page], list[str]]) -> None:
    """Compare the runs that have ended: zoom, pan, axes, smoothing, and a link to share."""
    compare_the_sweep(page)
    assert barriers(page) == []
    page.get_by_label("Log scale").check()
    page.get_by_label("Smoothing").fill("0.6")
    page.get_by_label("Horizontal axis").select_option("relative")
    chart(page, "train/loss").locator(".u-over").hover()
    expect(chart(page, "train/loss").locator(".tip")).to_contain_text(STOPPED)
    picture(page, "compare")
    page.get_by_label("Horizontal axis").select_option("step")
    expect(curves(page, "train/loss")).to_have_attribute("data-axis", "step")

    # The charts share what part they show; a double click shows everything again.
    reset = page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_disabled()
    drag(page, "train/loss", 0.1, 0.5)
    expect(reset).to_be_enabled()
    drag(page, "train/loss", 0.8, 0.5, shift=True)
    expect(reset).to_be_enabled()
    chart(page, "val/loss").locator(".u-over").dblclick()
    expect(reset).to_be_disabled()
    curves(page, "train/loss").press("+")
    expect(reset).to_be_enabled()
    curves(page, "train/loss").press("0")
    expect(reset).to_be_disabled()

    # An intervention is a mark that says what was changed.
    tip = chart(page, "train/loss").locator(".tip")

    def reached() -> bool:
        curves(page, "train/loss").press("ArrowRight")
        return tip.locator(".mark").filter(has_text="lr.hold: none → 0.02").count() > 0

    eventually(reached, what="the mark of a change")

    page.get_by_label("Filter metrics").fill("^val/")
    expect(page.locator(".chart")).to_have_count(1)
    page.get_by_label("Filter metrics").fill("")

    # The address is a link to this comparison.
    address = page.url
    assert "#compare=" in address
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 6 runs")
    eventually(lambda: runs_drawn(page, "train/loss") == set(RATES), what="six curves of the loss")


def the_run_that_was_stopped(page: Page, barriers: Callable[[Page], list[str]]) -> None:
    """Open the page of an ended run: its ending, charts, timeline, final state, and no button that works."""
    row(page, STOPPED).get_by_role("link", name=STOPPED).click()
    expect(badge(page)).to_have_text("stopped")
    banner = page.get_by_role("banner")
    expect(banner).to_contain_text(re.compile(r"Stopped at step [\d,]+: seen enough · checkpoint \S+\.ckpt"))
    expect(banner).to_contain_text(re.compile("ended.* ago"))
    loss = page.locator(".chart[data-metric='train/loss']").get_by_role("img")
    expect(loss).to_have_attribute(
        "aria-label", re.compile(r"^train/loss: latest [\d.]+.*; 2 changes, the last at step")
    )
    expect(loss.locator("canvas")).to_be_visible()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator("ol > li")).to_have_count(3)
    expect(timeline).to_contain_text("null → 0.02")
    rates = page.get_by_role("group", name="lr", exact=True)
    expect(rates.get_by_label("hold", exact=True)).to_have_value("0.02")
    expect(page.get_by_role("button", name="Stop…")).to_be_disabled()
    expect(page.get_by_text("The run has ended: nothing can be changed.")).to_be_visible()
    assert barriers(page) == []
    picture(page, "ended-run")
