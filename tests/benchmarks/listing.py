"""How long ``freak ls`` takes with a dozen live runs, next to a Python that only imports what it needs."""

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from freak_core.runs.live_runs import list_runs
from tests.benchmarks import report
from tests.benchmarks.ratios import Ratios
from tests.waiting import eventually

MANY, TARGET = 12, 1.0
PROGRAM = """
import sys, time
from freak_core import Freak
from pydantic import BaseModel
class State(BaseModel):
    lr: float = 0.1
with Freak(name=sys.argv[1]).control(State()) as freak:
    while True:
        freak.publish(step=1)
        time.sleep(1)
"""
COMMANDS = {
    "ls": ["-m", "freak_core.cli", "ls"],
    "python": ["-c", "import httpx, pydantic, rich, typer"],
}


class Listing:
    """Lists the runs of programs that do nothing."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 5 if quick else 15
        self._chance = random.Random(6)  # noqa: S311

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            os.environ["FREAK_HOME"] = home
            command = [sys.executable, "-c", PROGRAM]
            programs = [
                subprocess.Popen([*command, f"run-{i}"], stderr=subprocess.DEVNULL, start_new_session=True)
                for i in range(MANY)
            ]
            try:
                eventually(lambda: len(list_runs()) == MANY, within=60)
                time.sleep(5)  # the servers have started
                self._measure()
            finally:
                for program in programs:
                    os.killpg(program.pid, signal.SIGKILL)
                    program.wait(30)
                del os.environ["FREAK_HOME"]

    def _measure(self) -> None:
        took: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(self._rounds):
            for name in self._chance.sample(list(COMMANDS), len(COMMANDS)):
                started = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, *COMMANDS[name]], capture_output=True, text=True, check=True, timeout=60
                )
                took[name].append(time.perf_counter() - started)
                assert name != "ls" or len(done.stdout.splitlines()) == MANY + 1
        ratio = Ratios([a / b for a, b in zip(took["ls"], took["python"], strict=True)])
        seconds = statistics.median(took["ls"])
        reached = "reached" if seconds < TARGET else "**missed**"
        report.title("Finding runs")
        times = [f"{statistics.median(took[name]):.2f} s" for name in ("ls", "python")]
        rows = [[f"`freak ls`, {MANY} live runs", *times, ratio, f"under {TARGET:.0f} s: {reached}"]]
        report.table(["", "takes", "a Python that only imports", "ratio", "target"], rows)
