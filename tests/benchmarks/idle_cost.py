"""What controls cost without requests: a single-process Lightning fit with and without them."""

import statistics

from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios, quietest_half
from tests.benchmarks.worker import Worker

TARGET = 0.99
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
        seconds, disturbed = found["seconds"], found["disturbed"]
        none = seconds["none"]
        report.title(f"No requests: {statistics.median(none) * 1e3:.2f} ms a step without them")
        rows = []
        for mode, name in ROWS.items():
            pairs = list(zip(none, seconds[mode], strict=True))
            noise = list(map(max, disturbed["none"], disturbed[mode]))
            speed = Ratios(quietest_half([a / b for a, b in pairs], noise))
            added = statistics.median(quietest_half([b - a for a, b in pairs], noise)) * 1e6
            least = max(0.0, added) / (1 / TARGET - 1) / 1e3
            enough = f"{speed.against(TARGET)}; from {least:.1f} ms steps on"
            rows.append([name, speed, f"{added:+.0f} µs", enough if mode == "on" else "-"])
        report.table(["controls", "speed, with / without", "added to a batch", "target"], rows)
        report.disturbance([share for mode in ROWS for share in disturbed[mode]])
