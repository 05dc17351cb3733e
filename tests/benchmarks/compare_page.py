"""How fast the page that compares runs is: 20 runs, 50 metrics, 100,000 points of each."""

import json
import math
import os
import random
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from freak_core.runs.metric_parts import Batch, MetricParts
from freak_core.runs.overview import Overview
from freak_core.runs.run_folder import RunFolder
from freak_core.runs.summary import Summary
from tests.benchmarks import report
from tests.browser.conftest import FLAGS, chromium_path
from tests.core.ui.process import Ui

RUNS, METRICS, POINTS = 20, 50, 100_000
VARIANTS = 4
"""Runs whose points differ. The others have copies of their files: writing takes longer than all the rest."""

ROWS = 400
"""Points of each metric in one line of a part, as the server of a fast program writes them."""

FIRST_PICTURE, FRAME, MEMORY = 2.0, 33.0, 500
"""The targets: seconds, milliseconds, megabytes."""

WATCH = """
(() => {
    const visible = (plot) => {
        const {top, bottom} = plot.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    };
    const look = () => {
        const plots = [...document.querySelectorAll(".chart .plot")].filter(visible);
        if (plots.length && plots.every((plot) => plot.dataset.runs === "RUNS")) {
            window.firstPicture = {ms: performance.now(), charts: plots.length};
        } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})();
""".replace("RUNS", str(RUNS))
"""Notes when every chart on the screen has the curves of all runs, since the page was asked for."""

FRAMES = """
() => {
    window.frames_ = [];
    let last = performance.now();
    const next = (now) => {
        frames_.push(now - last);
        last = now;
        window.frame_ = requestAnimationFrame(next);
    };
    window.frame_ = requestAnimationFrame(next);
}
"""


class ComparePage:
    """Opens the page in a browser, pans and zooms it."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 3 if quick else 7
        self._points = POINTS // 10 if quick else POINTS

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
            os.environ["FREAK_HOME"] = home
            began = time.monotonic()
            ids = [self._write(number) for number in range(VARIANTS)]
            ids += [self._copy(ids[number % VARIANTS], number) for number in range(VARIANTS, RUNS)]
            wrote = time.monotonic() - began
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=[*FLAGS, "--disable-lcd-text"]
            )
            try:
                self._measure(browser, Path(home), ids, wrote)
            finally:
                browser.close()
                del os.environ["FREAK_HOME"]

    def _write(self, number: int) -> str:
        """Write the folder of a run that has ended, as its server would have left it; return its id."""
        run_id = f"{number:012x}"
        folder = RunFolder(run_id).make()
        chance = random.Random(number)  # noqa: S311
        noise = [chance.gauss(number / 10, 0.05) for _ in range(4099)]
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        names = [f"group{i % 5}/metric{i}" for i in range(METRICS)]
        parts, overview = MetricParts(folder), Overview()
        for first in range(0, self._points, ROWS):
            steps = range(first, min(first + ROWS, self._points))
            values = [
                [round(math.exp(-step / 3e4) + i + noise[(7 * step + i) % 4099], 5) for step in steps]
                for i in range(METRICS)
            ]
            at = [start.timestamp() + step / 10 for step in steps]
            batch = Batch(first + ROWS, 0, names, [float(step) for step in steps], at, list(values))
            parts.append([batch.line()])
            overview.add(batch)
        parts.close()
        overview.write(folder)
        end = start + timedelta(seconds=self._points / 10)
        summary = Summary(
            id=run_id,
            name=f"run-{number}",
            started_at=start.isoformat(),
            updated_at=end.isoformat(),
            ended_at=end.isoformat(),
            facts={"phase": "finished", "step": self._points, "host": "here", "pid": 1},
            newest={name: (self._points - 1, end.timestamp(), values[i][-1]) for i, name in enumerate(names)},
        )
        (folder / "summary.json").write_text(summary.model_dump_json())
        (folder / "state.json").write_text(json.dumps({"revision": 0, "value": {"lr": number / 100}}))
        return run_id

    def _copy(self, other: str, number: int) -> str:
        """Write the folder of another run with the same points; return its id."""
        run_id = f"{number:012x}"
        folder = RunFolder(run_id).path
        shutil.copytree(RunFolder(other).path, folder)
        summary = Summary.model_validate_json((folder / "summary.json").read_text())
        told = summary.model_copy(update={"id": run_id, "name": f"run-{number}"})
        (folder / "summary.json").write_text(told.model_dump_json())
        return run_id

    def _measure(self, browser: Browser, home: Path, ids: list[str], wrote: float) -> None:
        firsts: list[float] = []
        frames: dict[str, list[float]] = {"zoom": [], "pan": []}
        memory: list[float] = []
        charts = 0
        for _ in range(self._rounds):
            with Ui(home) as ui, browser.new_context(viewport={"width": 1280, "height": 900}) as context:
                context.add_init_script(WATCH)
                page = context.new_page()
                page.goto(f"{ui.link}&compare={','.join(ids)}")
                first = self._first_picture(page)
                firsts.append(first["ms"] / 1000)
                charts = first["charts"]
                self._move(page, frames)
                memory.append(peak(ui.process.pid))
        report.title("Comparing runs in the browser")
        seconds = statistics.median(firsts)
        rows = [
            [
                "first picture",
                f"{seconds:.2f} s (slowest {max(firsts):.2f} s)",
                "2 s",
                told(seconds, FIRST_PICTURE),
            ]
        ]
        for what, times in frames.items():
            p95 = sorted(times)[int(len(times) * 0.95)]
            rows.append([f"a frame of a {what}, p95", f"{p95:.0f} ms", "33 ms", told(p95, FRAME)])
        most = max(memory)
        rows.append(["memory of `freak ui`, at most", f"{most:.0f} MB", "500 MB", told(most, MEMORY)])
        report.table(
            [f"{RUNS} runs, {METRICS} metrics, {self._points:,} points each", "", "target", ""], rows
        )
        report.note(
            f"{charts} charts of {RUNS} curves on the screen, {self._rounds} starts of server and page, "
            f"{sum(map(len, frames.values()))} frames. The folders were written in {wrote:.0f} s."
        )

    def _first_picture(self, page: Page) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = page.evaluate("window.firstPicture ?? null")
            if found:
                return dict(found)
            page.wait_for_timeout(50)
        raise AssertionError("there was no picture within 120 s")

    def _move(self, page: Page, frames: dict[str, list[float]]) -> None:
        """Zoom with the wheel, then pan with the mouse; note how long each frame took."""
        box = page.locator(".chart .u-over").first.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.keyboard.down("Control")
        page.evaluate(FRAMES)
        for _ in range(40):
            page.mouse.wheel(0, -12)
            page.wait_for_timeout(16)
        frames["zoom"] += self._noted(page)
        page.keyboard.up("Control")
        page.keyboard.down("Shift")
        page.mouse.down()
        page.evaluate(FRAMES)
        for i in range(60):
            page.mouse.move(x + 80 * math.sin(i / 8), y)
            page.wait_for_timeout(16)
        frames["pan"] += self._noted(page)
        page.mouse.up()
        page.keyboard.up("Shift")

    def _noted(self, page: Page) -> list[float]:
        found = page.evaluate("() => { cancelAnimationFrame(window.frame_); return window.frames_; }")
        return [float(each) for each in found[1:]]


def peak(pid: int) -> float:
    """Return the most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def told(found: float, target: float) -> str:
    """Return whether a target was reached."""
    return "reached" if found <= target else "**missed**"
