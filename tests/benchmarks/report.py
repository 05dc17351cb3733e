"""The report: Markdown tables on standard output."""

from collections.abc import Sequence


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
