"""The metrics of a program, and parts of its charts."""

import csv
import math
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from pydantic import BaseModel, Field

from freak_core import Freak


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


MARKED = """(canvas, fraction) => {
    const all = canvas.getBoundingClientRect();
    const over = canvas.parentElement.querySelector(".u-over").getBoundingClientRect();
    const scale = canvas.width / all.width;
    const x = Math.round((over.x - all.x + over.width * fraction) * scale) - 2;
    const [top, height] = [(over.y - all.y) * scale, over.height * scale];
    const orange = (from, to) => {
        const {data} = canvas.getContext("2d").getImageData(x, top + height * from, 5, height * (to - from));
        return [...data.keys()].some(i => i % 4 === 0 && data[i + 3] > 99 && data[i] - data[i + 2] > 60);
    };
    const parts = {middle: orange(0.1, 0.8), foot: orange(0.97, 1)};
    return Object.keys(parts).filter(part => parts[part]);
}"""


def marked(page: Page, name: str, fraction: float) -> list[str]:
    """Return which parts of a chart have a marker's colour, so far along its horizontal axis."""
    found: list[str] = chart(page, name).locator("canvas").evaluate(MARKED, fraction)
    return found


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
