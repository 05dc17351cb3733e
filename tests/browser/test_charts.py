"""The charts in a real browser, of metrics that a program publishes."""

import csv
import math
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from pydantic import BaseModel, Field

from freak_core import Client, Freak

DRAWS = "Number(document.querySelector('[data-metric=loss] .plot').dataset.draws)"


class LR(BaseModel):
    hold: float | None = Field(None, gt=0)


class Steered(BaseModel):
    lr: LR = Field(default_factory=LR)


def loss(step: int) -> float:
    return math.nan if step == 20 else 2 / (step + 1) + 0.1 * (step % 2)


def publish(freak: Freak, steps: range) -> None:
    for step in steps:
        freak.publish(step=step, **{"train/loss": loss(step), "train/acc": step / 100 - 0.1})
        if step % 10 == 0:
            freak.log({"val/loss": loss(step + 1), "a,b": step}, step=step)
    freak.log({"cpu": steps.stop})


def chart(page: Page, name: str) -> Locator:
    return page.locator(f".chart[data-metric='{name}']")


def plot(page: Page, name: str) -> Locator:
    return chart(page, name).get_by_role("img")


def at(page: Page, name: str, fraction: float) -> tuple[float, float]:
    """Return a place in a chart, so far along its horizontal axis."""
    chart(page, name).scroll_into_view_if_needed()
    box = chart(page, name).locator(".u-over").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * fraction, box["y"] + box["height"] / 2


def drag(page: Page, name: str, start: float, end: float) -> None:
    page.mouse.move(*at(page, name, start))
    page.mouse.down()
    page.mouse.move(*at(page, name, end), steps=4)
    page.mouse.up()
    page.mouse.move(0, 0)


def picture(page: Page, name: str) -> str:
    return str(chart(page, name).locator("canvas").evaluate("canvas => canvas.toDataURL()"))


def readout(page: Page, name: str, key: str) -> Locator:
    """Return what a chart says of the point that a key leads to."""
    expect(chart(page, name).locator("canvas")).to_be_visible()
    plot(page, name).press(key)
    return chart(page, name).locator(".readout")


def downloaded(page: Page, button: Locator) -> tuple[str, list[list[str]]]:
    with page.expect_download() as download:
        button.click()
    path = Path(download.value.path())
    return download.value.suggested_filename, list(csv.reader(path.read_text().splitlines()))


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
    expect(page.locator(".charts-group summary")).to_have_text(["Ungrouped 2", "train 2", "val 1"])

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
    page.locator("summary", has_text="val").click()
    expect(chart(page, "val/loss")).to_have_count(0)
    page.locator("summary", has_text="val").click()
    expect(chart(page, "val/loss")).to_be_visible()

    # what was changed is marked at its step, in words
    with Client(freak.link) as client:
        client.set({"lr.hold": 3e-4}, note="loss spiked")
        freak.sync(step=50)
        client.call("checkpoint")
        freak.sync(step=75)
    expect(words).to_have_attribute("aria-label", re.compile("2 changes, the last at step 75: checkpoint"))
    page.mouse.move(*at(page, "train/loss", 50 / 99))
    tip = chart(page, "train/loss").locator(".tip")
    expect(tip).to_have_text("step 50 · lr.hold: none → 3e-4 (loss spiked)")
    page.mouse.move(*at(page, "train/loss", 75 / 99))
    expect(tip).to_have_text("step 75 · checkpoint")
    page.mouse.move(*at(page, "train/loss", 60 / 99))
    expect(tip).to_be_hidden()

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
        "import('./dashboard/series.js').then(({ metrics }) => metrics.get('loss').points.length)"
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
