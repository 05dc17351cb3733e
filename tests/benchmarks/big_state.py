"""How long a write takes beside a million numbers, next to the same write of a small state."""

import random
import statistics
import time

from pydantic import BaseModel

from freak_core.program.store import Store
from freak_core.program.write_request import Write
from tests.benchmarks import report
from tests.benchmarks.ratios import Ratios

MANY, TARGET = 1_000_000, 200


class State(BaseModel):
    """A state that may be small or big."""

    lr: float = 0.1
    history: list[float] = []


class BigState:
    """Changes one field of a small state and of a big one, in turns."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 20 if quick else 100
        self._chance = random.Random(7)  # noqa: S311

    def run(self) -> None:
        """Measure, and print the table."""
        histories = {
            "none": [],
            "of any size": [self._chance.random() for _ in range(MANY)],
            "whole (1.0, 2.0, …)": [float(i) for i in range(MANY)],
        }
        stores = {name: Store(State(history=history)) for name, history in histories.items()}
        took: dict[str, list[float]] = {name: [] for name in stores}
        for number in range(self._rounds + 3):
            for name in self._chance.sample(list(stores), len(stores)):
                started = time.thread_time()
                stores[name].submit(Write("patch", ("lr",), number * 1e-3))
                if number >= 3:  # the first writes find out what is kept
                    took[name].append(time.thread_time() - started)
        small = took.pop("none")
        report.title("A write beside a million numbers")
        rows = []
        for name, times in took.items():
            ratio = Ratios([big / one for big, one in zip(times, small, strict=True)])
            reached = "reached" if ratio.median <= TARGET else "**missed**"
            milliseconds = [f"{statistics.median(each) * 1e3:.2f} ms" for each in (times, small)]
            rows.append([name, *milliseconds, ratio, f"≤ {TARGET}: {reached}"])
        head = ["the numbers", "a write beside them", "a write of a small state", "ratio", "target"]
        report.table(head, rows)
