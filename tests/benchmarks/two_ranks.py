"""What agreeing costs a DDP training on two ranks, by how often the ranks agree."""

import json
import statistics
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.ratios import Ratios, quietest_half
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
        self._rounds = 12 if quick else 100

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with Worker("rank_fit", str(self._rounds), folder):
                pass
            ranks = [json.loads((Path(folder) / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
        self._print(ranks)

    def _print(self, ranks: list[Any]) -> None:
        seconds, disturbed = ranks[0]["wall"], _disturbed(ranks)
        none, epoch = seconds["none"], seconds["epoch"]
        report.title(f"Two ranks: {statistics.median(none) * 1e3:.1f} ms a step without controls")
        rows = []
        for mode, name in ROWS.items():
            noise = list(map(max, disturbed["none"], disturbed[mode], disturbed["epoch"]))
            pairs = list(zip(none, epoch, seconds[mode], strict=True))
            speed = Ratios(quietest_half([a / c for a, _, c in pairs], noise))
            alone = Ratios(quietest_half([b / c for _, b, c in pairs], noise))
            added = statistics.median(quietest_half([c - a for a, _, c in pairs], noise)) * 1e3
            took = " / ".join(_median_ms(rank["agreed"][mode]) for rank in ranks)
            target = speed.against(TARGETS[mode]) if mode in TARGETS else "-"
            rows.append(
                [name, speed, alone if mode in {"1", "auto"} else "-", f"{added:+.2f} ms", took, target]
            )
        head = ["the ranks agree", "speed, with / without", 'speed, to `sync="epoch"`', "added to a step"]
        report.table([*head, "in one agreement, rank 0 / 1", "target"], rows)
        waited = statistics.median(share for mode in ROWS for share in disturbed[mode])
        report.note(f"{report.QUIETER} The ranks waited for their cores {waited:.0%} of a block.")
        at = ranks[0]["auto_at"]
        gaps = [b - a for a, b in pairwise(at)]
        half = gaps[len(gaps) // 2 :]
        if half:
            report.note(
                f'`sync="auto"` agreed every {statistics.median(half):.0f} steps at the end '
                f"(from {min(half)} to {max(half)}), {len(at)} times in all."
            )


def _disturbed(ranks: list[Any]) -> dict[str, list[float]]:
    """Return by mode the share of a block in which one rank or the other waited for its core."""
    return {
        mode: [a + b for a, b in zip(*(rank["disturbed"][mode] for rank in ranks), strict=True)]
        for mode in ranks[0]["disturbed"]
    }


def _median_ms(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:.2f} ms" if values else "-"
