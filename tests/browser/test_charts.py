"""The charts in a real browser, of metrics that a program publishes."""

import math
import os
import re
import signal
from collections.abc import Callable

from playwright.sync_api import Page, expect

from freak_core import Client, Freak
from tests.browser.chart_parts import (
    Steered,
    at,
    chart,
    downloaded,
    drag,
    loss,
    marked,
    picture,
    plot,
    publish,
    readout,
)


def test_metrics_are_drawn_as_they_come(
    served: Callable[..., Freak],
    open_page: Callable[..., Page],
    barriers: Callable[[Page], list[str]],
) -> None:
    """One run through everything that the charts can do."""
    freak = served(Steered(), apply="sync", name="digits")

    @freak.action
    def checkpoint() -> None: ...

    page = open_page(freak.link)
    expect(page.get_by_text("No metric has been logged yet.")).to_be_visible()

    # appears, in groups, with words for who cannot see it
    publish(freak, range(50))
    words = plot(page, "train/loss")
    expect(words).to_have_attribute(
        "aria-label", f"train/loss: latest {loss(49):.5g}, lowest {2 / 49:.5g}, highest 2; 1 not finite"
    )
    expect(chart(page, "train/loss").locator(".gaps")).to_have_text("1 not finite")
    expect(page.locator(".charts-group summary")).to_have_text(["Ungrouped 3", "train 2"])

    # moves
    before = picture(page, "train/loss")
    publish(freak, range(50, 100))
    expect(words).to_have_attribute("aria-label", re.compile(rf"latest {loss(99):.5g},"))
    assert picture(page, "train/loss") != before

    # a key reads values; those near by hear of it, each in its own scale
    expect(readout(page, "train/loss", "End")).to_have_text(f"step 99: {loss(99):.5g}")
    expect(readout(page, "train/loss", "ArrowLeft")).to_have_text(f"step 98: {loss(98):.5g}")
    expect(chart(page, "val/loss").locator(".readout")).to_have_text(re.compile("^step 90:"))
    page.mouse.move(*at(page, "train/loss", 20 / 99))
    expect(chart(page, "train/loss").locator(".readout")).to_have_text("step 20: not finite")
    expect(chart(page, "train/acc").locator(".readout")).to_have_text("step 20: 0.1")
    page.mouse.move(0, 0)
    expect(chart(page, "train/acc").locator(".readout")).to_have_text("0.89")
    expect(chart(page, "cpu").locator(".readout")).to_have_text("100")

    # smoothing
    plain = picture(page, "train/loss")
    page.get_by_label("Smoothing").fill("0.6")
    last, count = 0.0, 0
    for value in map(loss, range(100)):
        if math.isfinite(value):
            last, count = last * 0.6 + 0.4 * value, count + 1
    smooth = last / (1 - 0.6**count)
    expect(readout(page, "train/loss", "End")).to_have_text(f"step 99: {smooth:.5g}, raw {loss(99):.5g}")
    assert picture(page, "train/loss") != plain
    page.get_by_label("Smoothing").fill("0")

    # log scale: what is not above zero is counted
    page.get_by_label("Log scale").check()
    expect(chart(page, "train/acc").locator(".gaps")).to_have_text("11 ≤ 0")
    assert picture(page, "train/loss") != plain
    page.get_by_label("Log scale").uncheck()
    expect(chart(page, "train/acc").locator(".gaps")).to_be_hidden()

    # axes; metrics without a step are shown by time
    expect(readout(page, "cpu", "End")).to_have_text(re.compile(r"^[\d.]+s: 100$"))
    page.get_by_label("Horizontal axis").select_option("Relative time")
    expect(readout(page, "train/loss", "End")).to_have_text(re.compile(rf"^[\d.]+s: {loss(99):.5g}$"))
    page.get_by_label("Horizontal axis").select_option("Wall time")
    expect(readout(page, "train/loss", "End")).to_have_text(re.compile(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d: "))
    page.get_by_label("Horizontal axis").select_option("Step")

    # zoom: dragged, every chart along that axis; back by a double click, by the button, by a key
    reset = page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_disabled()
    drag(page, "train/loss", 0.25, 0.5)
    expect(reset).to_be_enabled()
    expect(readout(page, "val/loss", "End")).to_have_text(re.compile("^step 40:"))
    page.mouse.dblclick(*at(page, "train/loss", 0.5))
    expect(reset).to_be_disabled()
    expect(readout(page, "val/loss", "End")).to_have_text(re.compile("^step 90:"))
    drag(page, "train/acc", 0.5, 0.25)
    reset.click()
    expect(reset).to_be_disabled()
    plot(page, "train/acc").press("+")
    expect(reset).to_be_enabled()
    plot(page, "train/acc").press("0")
    expect(reset).to_be_disabled()

    # CSV: exactly what was logged, of the part that is shown
    drag(page, "train/loss", 9.5 / 99, 20.5 / 99)
    expect(reset).to_be_enabled()
    name, rows = downloaded(page, page.get_by_role("button", name="CSV of train/loss"))
    assert name == "digits-train-loss.csv"
    assert rows[0] == ["metric", "step", "time", "value"]
    assert [(row[0], int(row[1])) for row in rows[1:]] == [("train/loss", step) for step in range(10, 21)]
    assert [float(row[3]) for row in rows[1:-1]] == [loss(step) for step in range(10, 20)]
    assert rows[-1][3] == "nan"
    with Client(freak.link) as client:
        times = [point[1] for point in client.series("train/loss")["train/loss"]]
    assert [float(row[2]) for row in rows[1:]] == times[10:21]
    reset.click()

    # filter, said at the field where it is none; the last one that was stays
    field = page.get_by_label("Filter")
    field.fill("LOSS$")
    expect(page.locator(".chart")).to_have_count(2)
    expect(page.get_by_text("2 of 5 metrics")).to_be_visible()
    name, rows = downloaded(page, page.get_by_role("button", name="Export CSV"))
    assert name == "digits-metrics.csv"
    assert {row[0] for row in rows[1:]} == {"train/loss", "val/loss"}
    field.fill("LOSS$|(")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("Invalid regular expression")
    expect(page.locator(".chart")).to_have_count(2)

    # what was chosen is there after a reload
    field.fill("a,b|train/loss")
    page.get_by_role("button", name="Pin train/loss").click()
    page.get_by_label("Smoothing").fill("0.5")
    page.reload()
    expect(page.locator(".charts-group summary")).to_have_text(["Pinned 1", "Ungrouped 1"])
    expect(page.get_by_label("Smoothing")).to_have_value("0.5")
    expect(plot(page, "a,b")).to_have_attribute("aria-label", "a,b: latest 90, lowest 0, highest 90")
    expect(readout(page, "a,b", "End")).to_have_text(re.compile("^step 90: .* raw 90$"))
    page.get_by_label("Smoothing").fill("0")
    page.get_by_role("button", name="Pin train/loss").click()
    field.fill("")

    # a closed group stays closed, and draws nothing
    page.locator("summary", has_text="Ungrouped").click()
    expect(chart(page, "val/loss")).to_have_count(0)
    page.locator("summary", has_text="Ungrouped").click()
    expect(chart(page, "val/loss")).to_be_visible()

    # what was changed is marked by a line at its step, in words; what was only done, by a tick
    with Client(freak.link) as client:
        client.set({"lr.hold": 3e-4}, note="loss spiked")
        freak.sync(step=50)
        client.call("checkpoint")
        freak.sync(step=75)
    expect(words).to_have_attribute("aria-label", re.compile("1 change, the last at step 50: lr.hold"))
    page.mouse.move(*at(page, "train/loss", 50 / 99))
    tip = chart(page, "train/loss").locator(".tip")
    expect(tip).to_have_text("step 50 · lr.hold: none → 3e-4 (loss spiked)")
    page.mouse.move(*at(page, "train/loss", 75 / 99))
    expect(tip).to_have_text("step 75 · checkpoint")
    page.mouse.move(*at(page, "train/loss", 60 / 99))
    expect(tip).to_be_hidden()
    assert marked(page, "train/loss", 50 / 99) == ["middle", "foot"]
    assert marked(page, "train/loss", 75 / 99) == ["foot"]

    assert barriers(page) == []
    page.emulate_media(color_scheme="dark")
    assert barriers(page) == []
    canvas = chart(page, "train/loss").locator("canvas")
    wide = canvas.evaluate("canvas => getComputedStyle(canvas).width")
    page.set_viewport_size({"width": 360, "height": 800})
    plot(page, "train/loss").scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(canvas).not_to_have_css("width", wide)
    box = canvas.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360


def test_metrics_that_share_no_prefix_lie_side_by_side(
    served: Callable[..., Freak], open_page: Callable[..., Page]
) -> None:
    """A group of one would leave half of its row empty."""
    freak = served(Steered())
    freak.log({"train/loss": 1.0, "val/acc": 0.5, "lr-AdamW": 1e-3}, step=1)
    page = open_page(freak.link)
    expect(page.locator(".chart h4")).to_have_text(["lr-AdamW", "train/loss", "val/acc"])
    expect(page.locator(".charts-group")).to_have_count(0)
    first, second, last = page.locator(".chart").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect())"
    )
    assert first["y"] == second["y"]
    assert last["width"] > first["width"] + second["width"]
    freak.log({"val/loss": 1.0}, step=2)
    expect(page.locator(".charts-group summary")).to_have_text(["Ungrouped 2", "val 2"])
    expect(page.locator(".chart h4")).to_have_text(["lr-AdamW", "train/loss", "acc", "loss"])


def test_points_that_were_not_recorded_are_counted_above_the_charts(
    served: Callable[..., Freak], open_page: Callable[..., Page]
) -> None:
    freak = served(Steered(), apply="sync", name="hasty")
    page = open_page(freak.link)
    freak.log({"loss": 1.0}, step=0)
    note = page.locator(".unrecorded")
    expect(page.locator(".chart")).to_have_count(1)
    expect(note).to_have_count(0)
    server = freak.server_pid
    assert server is not None
    os.kill(server, signal.SIGSTOP)  # a busy machine may be too slow to publish faster than it sends
    for step in range(1, 200_000):
        freak.log({"loss": 1.0}, step=step)
    os.kill(server, signal.SIGCONT)
    words = r"^[\d,]+ points were not recorded: the program published faster than they could be sent\.$"
    expect(note).to_have_text(re.compile(words))
    freak.log({"loss": 1.0})
    with Client(freak.link) as client:
        counted = client.run()["unrecorded_points"]
    expect(note).to_have_text(re.compile(f"^{counted:,} points"))
