"""A person with a browser steers a real training on two ranks, from the printed link to its end."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from freak_core import Client
from tests.browser.conftest import UNREACHED, Open
from tests.faults.program import SERVER, children_of
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "img"
TAKE_PICTURES = "FREAK_SCREENSHOTS"
"""``make screenshots`` sets it in the environment; otherwise the test leaves the pictures alone."""

LINK = re.compile(r"http://\S+#token=[\w-]+")

pytestmark = pytest.mark.ranks


class Training:
    """``examples/digits.py`` on two ranks at a terminal, as a person starts it."""

    def __init__(self, folder: Path) -> None:
        self.said = ""
        command = [sys.executable, str(ROOT / "examples" / "digits.py"), "--ranks", "2", "--name", "digits"]
        command += ["--epochs", "1000", "--step-seconds", "0.05", "--dir", str(folder)]
        self._terminal, inner = pty.openpty()
        environment = {**os.environ, "FREAK_HOME": str(folder / "home"), "FREAK_PORT": "0"}
        self._process = subprocess.Popen(
            command,
            env={**environment, "OMP_NUM_THREADS": "1"},
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # how a terminal says that everybody has left
            while data := os.read(self._terminal, 4096):
                self.said += data.decode()

    @property
    def link(self) -> str:
        """The link that the training has printed."""
        return str(eventually(lambda: LINK.search(self.said), within=60, what="a link")[0])

    def kill_server(self) -> None:
        """Kill the server process, as a machine that is short of memory does."""
        for pid in children_of(self._process.pid):
            with contextlib.suppress(OSError):
                if SERVER in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
                    return
        raise AssertionError("there is no server process")

    def wait(self) -> int:
        """Return the exit status."""
        return self._process.wait(60)

    def close(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        self._reader.join(10)
        os.close(self._terminal)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    """A training; what it has printed and every receipt are in the report of a test that fails."""
    training = Training(tmp_path)
    yield training
    training.close()
    print(training.said)
    for journal in tmp_path.rglob("journal*.jsonl"):
        print(journal, journal.read_text(), sep="\n")


def badge(page: Page) -> Any:
    return page.get_by_role("status").first


def receipt(page: Page, words: str) -> Any:
    """The newest entry of the timeline that has these words."""
    return page.locator(".timeline ol > li").filter(has_text=words).first


def step(page: Page) -> int:
    """Return the step that the header shows."""
    text = page.get_by_role("banner").locator("div", has=page.get_by_text("step", exact=True)).locator("dd")
    return int((text.inner_text()).replace(",", "").split("/")[0])


def goes_on(page: Page) -> None:
    """Wait until the training has done five more steps."""
    before = step(page)
    eventually(lambda: step(page) >= before + 5, within=30, what="progress")


def picture(page: Page, name: str) -> None:
    if os.environ.get(TAKE_PICTURES):
        PICTURES.mkdir(exist_ok=True)
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def test_a_training_on_two_ranks_is_steered_from_the_browser(
    training: Training, open_page: Open, barriers: Callable[[Page], list[str]]
) -> None:
    page = open_page(training.link, (*UNREACHED, "422"))
    chart = page.get_by_role("img", name=re.compile("^loss: "))
    hold = page.get_by_role("group", name="lr", exact=True).get_by_label("hold", exact=True)
    state = page.get_by_role("region", name="State")
    apply = state.get_by_role("button", name=re.compile("^Apply"))

    # The run is there, and its loss moves.
    expect(page.get_by_role("heading", level=1)).to_have_text("digits", timeout=30_000)
    expect(badge(page)).to_have_text("live")
    expect(page.get_by_role("banner")).to_contain_text("ranks2")
    expect(chart).to_be_visible(timeout=30_000)
    first = chart.get_attribute("aria-label") or ""
    expect(chart).not_to_have_attribute("aria-label", first, timeout=30_000)
    goes_on(page)

    # Hold the learning rate by the form.
    hold.fill("0.05")
    state.get_by_label("note").fill("the loss jumps")
    apply.click()
    held = receipt(page, "lr.hold")
    expect(held).to_contain_text(re.compile(r"applied at step [\d,]+ on 2 ranks"))
    expect(held).to_contain_text("null → 0.05")
    expect(held).to_contain_text("the loss jumps")
    field = state.locator('[data-at="/lr/hold"]')
    expect(field.locator(".applied")).to_have_text(re.compile(r"^applied at step [\d,]+ on 2 ranks$"))
    expect(chart).to_have_attribute("aria-label", re.compile("1 change, .*lr.hold"), timeout=10_000)

    # What is in force stands beside the control, and follows the schedule, which changes with each epoch.
    in_force = field.locator(".in-force")
    expect(in_force).to_have_text(re.compile(r"^in force: 0\.05 \(scheduled 0\.(1|0999\d+)\)$"))
    expect(in_force).not_to_have_text(in_force.inner_text(), timeout=30_000)

    # A value out of bounds is refused at its field.
    hold.fill("5")
    expect(hold).to_have_attribute("aria-invalid", "true")
    expect(hold).to_have_accessible_description(re.compile("less than or equal to 1"))
    with Client(training.link) as client:
        assert client.get("lr.hold") == 0.05
    state.get_by_role("button", name="Drop all").click()
    expect(hold).to_have_value("0.05")

    # Save a checkpoint, pause, validate, go on.
    page.get_by_role("button", name="Checkpoint", exact=True).click()
    controls = page.get_by_role("region", name="Controls")
    expect(controls).to_contain_text(re.compile(r"saved \S+\.ckpt at step [\d,]+ on 2 ranks"), timeout=20_000)
    saved = re.search(r"saved (\S+\.ckpt)", controls.inner_text())
    assert saved
    assert Path(saved[1]).is_file()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(badge(page)).to_have_text(re.compile("paused for"))
    page.get_by_role("button", name="Validate", exact=True).click()
    expect(controls).to_contain_text(re.compile("validated: accuracy 0"), timeout=20_000)
    page.get_by_role("button", name="Resume").click()
    expect(badge(page)).to_have_text("live")

    # Reload in the middle of the run.
    page.reload()
    expect(badge(page)).to_have_text("live")
    expect(receipt(page, "the loss jumps")).to_be_visible()
    expect(chart).to_have_attribute("aria-label", re.compile("1 change, .*lr.hold"))
    goes_on(page)

    # The server dies and comes back.
    page.evaluate(
        """() => {
            window.badges = [];
            const badge = document.querySelector(".badge");
            new MutationObserver(() => badges.push(badge.textContent))
                .observe(badge, {childList: true, characterData: true, subtree: true});
        }"""
    )
    training.kill_server()
    seen = "badges.some((text) => text.startsWith('disconnected'))"
    # Not wait_for_function, which evaluates in the page: its security policy forbids that.
    eventually(lambda: page.evaluate(seen), within=20, what="a word on the lost connection")
    expect(badge(page)).to_have_text("live", timeout=20_000)
    goes_on(page)
    expect(receipt(page, "the loss jumps")).to_be_visible()

    expect(page.get_by_role("banner")).to_contain_text("ETA", timeout=20_000)  # its pace is known again

    # No serious barrier in either theme; pictures of both, and of a phone.
    for colours in ("light", "dark"):
        page.get_by_label("Colours").select_option(colours)
        assert barriers(page) == []
        picture(page, f"dashboard-{colours}")
    page.get_by_label("Colours").select_option("auto")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(chart).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    picture(page, "dashboard-phone")
    page.set_viewport_size({"width": 1280, "height": 900})

    # Let go of it by undo.
    receipt(page, "the loss jumps").get_by_role("button", name=re.compile("Undo")).click()
    expect(receipt(page, "undo of #")).to_contain_text("0.05 → null")
    expect(hold).to_have_value("")

    # Stop after this epoch, and see the end.
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog", name="Stop the training")
    dialog.get_by_label("after this epoch").check()
    dialog.get_by_label("Reason").fill("good enough")
    expect(dialog).to_contain_text(
        re.compile("After this epoch, a checkpoint is saved to .*/checkpoints, then all 2 ranks stop")
    )
    dialog.get_by_role("button", name="Stop the training").click()
    expect(dialog).to_have_count(0)
    expect(receipt(page, "stop.should_stop")).to_contain_text("applied", timeout=30_000)
    expect(badge(page)).to_have_text("stopped", timeout=30_000)
    expect(page).to_have_title(re.compile("■ digits"))
    expect(page.get_by_role("banner")).to_contain_text(
        re.compile(r"Stopped at step [\d,]+ on 2 ranks: good enough · checkpoint \S+\.ckpt")
    )
    stopped = receipt(page, "stopped after")
    expect(stopped).to_contain_text("good enough")
    expect(stopped).to_contain_text(".ckpt")
    expect(page.get_by_role("button", name="Stop…")).to_be_disabled()
    assert training.wait() == 0
