"""What controls cost without requests: a single-process Lightning fit with and without them."""

import statistics

from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios, quietest_half
from tests.benchmarks.worker import Worker

TARGET = 10.0
"""Microseconds of CPU time that the controls may add to a batch."""

ROWS = {
    "none again": "no controls, measured again (the noise)",
    "on": "all of remote_control()",
}


class IdleCost:
    """One fit whose controls come and go by blocks of batches."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 15 if quick else 300

    def run(self) -> None:
        first, second = machine.two_cores()
        with Worker("idle_fit", str(first), str(self._rounds), core=second) as worker:
            found = worker.hear()
        seconds, disturbed, cpu = found["seconds"], found["disturbed"], found["cpu"]
        none = seconds["none"]
        report.title(f"No requests: {statistics.median(none) * 1e3:.2f} ms a step without them")
        rows = []
        for mode, name in ROWS.items():
            pairs = list(zip(none, seconds[mode], strict=True))
            noise = list(map(max, disturbed["none"], disturbed[mode]))
            speed = Ratios(quietest_half([a / b for a, b in pairs], noise))
            pairs_of_cpu = zip(cpu["none"], cpu[mode], strict=True)
            added = statistics.median(b - a for a, b in pairs_of_cpu) * 1e6
            reached = "reached" if added <= TARGET else "**missed**"
            against = f"≤ {TARGET:.0f} µs: {reached}" if mode == "on" else "-"
            rows.append([name, speed, f"{added:+.1f} µs", against])
        head = ["controls", "speed, with / without", "CPU time added to a batch", "target"]
        report.table(head, rows)
        report.disturbance([share for mode in ROWS for share in disturbed[mode]])
