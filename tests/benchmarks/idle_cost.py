"""What controls cost that nobody touches: a single-process Lightning fit with and without them."""

import statistics

from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios
from tests.benchmarks.worker import Worker

TARGET = 0.99
ROWS = {
    "none again": "no controls, measured again (the noise)",
    "listed": "listed, but switched off: what Lightning's own calls of their hooks cost",
    "on": "GracefulStop, LROverride, CheckpointNow",
}


class IdleCost:
    """One fit whose controls come and go by blocks of batches."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 10 if quick else 60

    def run(self) -> None:
        first, second = machine.two_cores()
        with Worker("idle_fit", str(first), str(self._rounds), core=second) as worker:
            found = worker.hear()
        none = found["seconds"]["none"]
        report.title(f"Controls nobody touches: {statistics.median(none) * 1e3:.2f} ms a step without them")
        rows = []
        for mode, name in ROWS.items():
            speed = Ratios([a / b for a, b in zip(none, found["seconds"][mode], strict=True)])
            wall = Ratios([a / b for a, b in zip(found["wall"]["none"], found["wall"][mode], strict=True)])
            added = statistics.median(
                [(b - a) * 1e6 for a, b in zip(none, found["seconds"][mode], strict=True)]
            )
            target = speed.against(TARGET) if mode == "on" else "-"
            rows.append([name, speed, wall, f"{added:+.0f} µs", target])
        head = ["controls", "speed, with / without", "other programs' share left in", "added to a batch"]
        report.table([*head, "target"], rows)
        report.note(f"In the driver's own hook: {found['hook'] * 1e6:.1f} µs a batch (median).")
