"""What agreeing costs a DDP training on two ranks, by how often the ranks agree."""

import json
import statistics
import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.ratios import Ratios, quietest_half
from tests.benchmarks.worker import Worker

TARGETS = {"auto": 0.995}
ROWS = {
    "none again": "never, measured again (the noise)",
    "auto": '`sync="auto"`',
    "1": "`sync=1`",
    "epoch": '`sync="epoch"`',
    "broadcast": "`strategy.broadcast` of a small dict every batch, no controls",
}


class TwoRanks:
    """One DDP fit whose ranks agree in one way after the other; then a longer one for ``auto`` alone.

    ``auto`` agrees every so many steps only: its blocks must be long enough to have some of them.
    """

    def __init__(self, quick: bool) -> None:
        self._coarse = (12 if quick else 60, 20)
        self._fine = (10 if quick else 80, 120)

    def run(self) -> None:
        self._print("Two ranks", *_measured(self._coarse, ROWS))
        ranks, seconds = _measured(self._fine, ("none again", "auto"))
        self._print('Two ranks, `sync="auto"` alone in longer blocks', ranks, seconds)
        gaps = [b - a for a, b in pairwise(ranks[0]["auto_at"])]
        half = gaps[len(gaps) // 2 :]
        if half:
            every = statistics.median(half)
            took = max(statistics.median(rank["agreed"]["auto"]) for rank in ranks)
            share = took / (every * statistics.median(seconds["none"]))
            report.note(
                f'`sync="auto"` agreed every {every:.0f} steps at the end (from {min(half)} to {max(half)}), '
                f"{len(gaps) + 1} times in all; {took * 1e3:.2f} ms of so many steps are {share:.2%}."
            )

    def _print(self, title: str, ranks: list[Any], seconds: dict[str, list[float]]) -> None:
        disturbed = _disturbed(ranks)
        none = seconds["none"]
        report.title(f"{title}: {statistics.median(none) * 1e3:.1f} ms a step without controls")
        rows = []
        for mode in (mode for mode in ROWS if mode in seconds):
            noise = list(map(max, disturbed["none"], disturbed[mode]))
            pairs = list(zip(none, seconds[mode], strict=True))
            speed = Ratios(quietest_half([a / b for a, b in pairs], noise))
            added = statistics.median(quietest_half([b - a for a, b in pairs], noise)) * 1e3
            took = " / ".join(_median_ms(rank["agreed"][mode]) for rank in ranks)
            target = speed.against(TARGETS[mode]) if mode in TARGETS else "-"
            rows.append([ROWS[mode], speed, f"{added:+.2f} ms", took, target])
        head = ["the ranks agree", "speed, with / without", "added to a step"]
        report.table([*head, "in one agreement, rank 0 / 1", "target"], rows)
        waited = statistics.median(share for mode in seconds for share in disturbed[mode])
        report.note(f"{report.QUIETER} The ranks waited for their cores {waited:.0%} of a block.")


def _measured(size: tuple[int, int], modes: Iterable[str]) -> tuple[list[Any], dict[str, list[float]]]:
    """Return what both ranks told, and the seconds of a step on rank zero by mode."""
    with tempfile.TemporaryDirectory() as folder:
        with Worker("rank_fit", folder, *map(str, size), "none", *modes):
            pass
        ranks = [json.loads((Path(folder) / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    return ranks, ranks[0]["wall"]


def _disturbed(ranks: list[Any]) -> dict[str, list[float]]:
    """Return by mode the share of a block in which one rank or the other waited for its core."""
    return {
        mode: [a + b for a, b in zip(*(rank["disturbed"][mode] for rank in ranks), strict=True)]
        for mode in ranks[0]["disturbed"]
    }


def _median_ms(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:.2f} ms" if values else "-"
