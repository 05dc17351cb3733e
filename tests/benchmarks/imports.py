"""How long the imports take, next to what a program with remote control imports anyway."""

import random
import statistics
import subprocess
import sys

from tests.benchmarks import report
from tests.benchmarks.ratios import Ratios

CODE = {
    "pydantic": "from pydantic import create_model; create_model('State', lr=float)",
    "freak_core": "import freak_core",
    "lightning.pytorch": "import lightning.pytorch",
    "freak_lightning": "import freak_lightning",
}
"""``import pydantic`` alone loads little of it, so there is a first model."""

PAIRS = (("freak_core", "pydantic"), ("freak_lightning", "lightning.pytorch"))


class Imports:
    """Imports each package in a fresh interpreter, in random order."""

    def __init__(self, quick: bool) -> None:
        self._rounds = {"freak_core": 5 if quick else 15, "freak_lightning": 2 if quick else 4}
        self._chance = random.Random(5)  # noqa: S311

    def run(self) -> None:
        report.title("Imports")
        rows = []
        for ours, theirs in PAIRS:
            took: dict[str, list[float]] = {ours: [], theirs: []}
            for _ in range(self._rounds[ours] + 1):
                for name in self._chance.sample([ours, theirs], 2):
                    took[name].append(_seconds(name))
            del took[ours][0], took[theirs][0]  # the first reads the disk
            ratio = Ratios([a / b for a, b in zip(took[ours], took[theirs], strict=True)])
            times = [f"{statistics.median(took[name]) * 1e3:,.0f} ms" for name in (ours, theirs)]
            rows.append([f"`{ours}` / `{theirs}`", *times, ratio])
        report.table(["imports", "the first", "the second", "ratio"], rows)


def _seconds(name: str) -> float:
    timed = f"import time; started = time.perf_counter(); {CODE[name]}; print(time.perf_counter() - started)"
    command = [sys.executable, "-W", "ignore", "-c", timed]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
