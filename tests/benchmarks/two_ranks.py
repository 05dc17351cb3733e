"""What agreeing costs a DDP training on two ranks, by how often the ranks agree."""

import json
import statistics
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.ratios import Ratios
from tests.benchmarks.worker import Worker

TARGETS = {"auto": 0.995}
ROWS = {
    "none again": "none, measured again (the noise)",
    "auto": '`sync="auto"`',
    "1": "`sync=1`",
    "epoch": '`sync="epoch"`',
    "broadcast": "`strategy.broadcast` of a small dict every batch, no controls",
}


class TwoRanks:
    """One DDP fit whose ranks agree in one way after the other."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 12 if quick else 120

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with Worker("rank_fit", str(self._rounds), folder):
                pass
            ranks = [json.loads((Path(folder) / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
        self._print(ranks)

    def _print(self, ranks: list[Any]) -> None:
        wall, seconds = ranks[0]["wall"], _undisturbed(ranks)
        none = seconds["none"]
        report.title(f"Two ranks: {statistics.median(none) * 1e3:.1f} ms a step without controls")
        rows = []
        for mode, name in ROWS.items():
            speed = Ratios([a / b for a, b in zip(none, seconds[mode], strict=True)])
            took = " / ".join(_median_ms(rank["agreed"][mode]) for rank in ranks)
            added = statistics.median([(b - a) * 1e3 for a, b in zip(none, seconds[mode], strict=True)])
            target = speed.against(TARGETS[mode]) if mode in TARGETS else "-"
            alone = Ratios([a / b for a, b in zip(seconds["epoch"], seconds[mode], strict=True)])
            left_in = Ratios([a / b for a, b in zip(wall["none"], wall[mode], strict=True)])
            alone_told = alone if mode in ("1", "auto") else "-"
            rows.append([name, speed, left_in, f"{added:+.2f} ms", alone_told, took, target])
        head = ["the ranks agree", "speed, with / without", "other programs' share left in"]
        head += ["added to a step", 'speed, to `sync="epoch"`', "in one agreement, rank 0 / 1", "target"]
        report.table(head, rows)
        at = ranks[0]["auto_at"]
        gaps = [b - a for a, b in pairwise(at)]
        half = gaps[len(gaps) // 2 :]
        if half:
            report.note(
                f'`sync="auto"` agreed every {statistics.median(half):.0f} steps at the end '
                f"(from {min(half)} to {max(half)}), {len(at)} times in all."
            )


def _undisturbed(ranks: list[Any]) -> dict[str, list[float]]:
    """Return the time of a step without what other programs took: on either rank, as they go in step."""
    lost = [rank["disturbed"] for rank in ranks]
    return {
        mode: [wall - a - b for wall, a, b in zip(walls, lost[0][mode], lost[1][mode], strict=True)]
        for mode, walls in ranks[0]["wall"].items()
    }


def _median_ms(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:.2f} ms" if values else "-"
