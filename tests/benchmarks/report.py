"""The report: Markdown tables on standard output."""

import statistics
from collections.abc import Sequence

QUIETER = "Median (quartiles) of the half of the pairs that other programs disturbed least."


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n## {text}\n", flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    lines = [head, ["---"] * len(head), *rows]
    for line in lines:
        print("| " + " | ".join(map(str, line)) + " |", flush=True)


def note(text: str) -> None:
    """Print a line."""
    print(f"\n{text}", flush=True)


def disturbance(shares: Sequence[float]) -> None:
    """Print what the figures are, and which share of the training's core other programs took."""
    each = statistics.median(shares)
    verdict = " **That is too much to judge any target by.**" if each > 0.1 else ""
    note(f"{QUIETER} Other programs took {each:.0%} of a block.{verdict}")
