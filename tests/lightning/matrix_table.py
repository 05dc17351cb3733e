"""The table in the docs of what works where: python -m tests.lightning.matrix_table writes it (make soak)."""

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lightning.matrix import MODES, PAGES, STRATEGIES, run


class Outcome:
    """What one training has shown of each control."""

    def __init__(self, out: Path) -> None:
        self.ranks = [json.loads(path.read_text()) for path in sorted(out.glob("rank-*.json"))]
        zero = self.ranks[0]
        self.receipts = zero["receipts"]
        by_id = {receipt["id"]: receipt for receipt in self.receipts}
        self.of = {name: by_id[asked] for name, asked in zero["asked"].items()}

    @property
    def stepped(self) -> set[int]:
        """The steps in which an optimizer really stepped."""
        return {step[0] for rank in self.ranks for step in rank["steps"]}

    def applied(self, *names: str) -> bool:
        """Whether the requests were applied on all ranks."""
        told = [self.of[name]["applied"] for name in names]
        return all(applied is not None and applied["ranks"] == len(self.ranks) for applied in told)

    def used(self, column: int, before: float, name: str, new: float, until: str | None = None) -> bool:
        """Whether every rank stepped with the new value from the request's step on, and not longer."""
        first = self.of[name]["applied"]["step"]
        last = self.of[until]["applied"]["step"] if until else sys.maxsize
        return all(
            step[column] == (new if first <= step[0] < last else before)
            for rank in self.ranks
            for step in rank["steps"]
        )

    def recorded(self, name: str) -> dict[str, Any]:
        """Return the result of what a control did by itself."""
        return next(r["result"] for r in self.receipts if r["name"] == name and r["by"] == "freak")

    def cells(self) -> dict[str, str]:
        """Return, by control, ``yes``, ``no``, or why the control refuses a part of what it does."""
        validated = self.of["validate"]["result"]
        stopped = next(r for r in self.receipts if r["name"] == "stop" and r["by"] == "freak")
        each = self.ranks
        works = {
            "GracefulStop": self.applied("stop")
            and {rank["ended"] for rank in each} == {stopped["applied"]["step"]}
            and Path(stopped["result"]["checkpoint"]["path"]).exists(),
            "LROverride": self.applied("hold", "release") and self.used(1, 0.05, "hold", 0.25, "release"),
            "CheckpointNow": self.applied("save") and Path(self.of["save"]["result"]["path"]).exists(),
            "OptimizerOverride": self.applied("momentum") and self.used(2, 0.9, "momentum", 0.5),
            "TrainerOverride": self.applied("epochs") and {rank["max_epochs"] for rank in each} == {3},
            "ValidateNow": self.applied("validate")
            and validated["extra"]
            and all(rank["validations"].count(validated["step"]) == 1 for rank in each),
            "Pause": self.applied("pause") and self.recorded("pause")["ended_by"] == "resume",
            "LiveMetrics": {"loss", "val_loss", "lr-SGD"} <= set(each[0]["series"]),
            "Tunable": self.applied("tune") and self.used(3, 1.0, "tune", 2.0),
            "your own": self.applied("heat") and self.used(4, 1.0, "heat", 2.5),
        }
        cells = {control: "yes" if well else "no" for control, well in works.items()}
        if self.of["clip"]["error"] is not None:
            cells["TrainerOverride"] = self.of["clip"]["error"]["detail"]
        elif {rank["gradient_clip_val"] for rank in each} != {0.5}:
            cells["TrainerOverride"] = "no"
        return cells


Cells = dict[tuple[str, str], dict[str, str]]
"""By strategy and mode."""


def cells_of(strategy: str, modes: Sequence[str], out: Path) -> Cells:
    """Return what the trainings under one strategy have shown."""
    return {(strategy, mode): Outcome(out / mode).cells() for mode in modes}


def table(cells: Cells) -> str:
    """Return the table in Markdown: a letter for each mode, a number where a note says what is refused."""
    controls = list(next(iter(cells.values())))
    notes: list[str] = []

    def mark(control: str, strategy: str, mode: str) -> str:
        told = cells[strategy, mode][control]
        if told in ("yes", "no"):
            return MODES[mode] if told == "yes" else "✗"
        if told not in notes:
            notes.append(told)
        return f"{MODES[mode]}[{notes.index(told) + 1}]"

    rows = [
        (f"| `{control}` | " if control.isidentifier() else f"| {control} | ")
        + " | ".join(" ".join(mark(control, strategy, mode) for mode in MODES) for strategy in STRATEGIES)
        + " |"
        for control in controls
    ]
    head = "| | " + " | ".join(f"`{name}`" if "_" in name or name == "ddp" else name for name in STRATEGIES)
    lines = [head + " |", "|---" * (len(STRATEGIES) + 1) + "|", *rows, ""]
    return "\n".join([*lines, *(f"[{number}] Refused: {note}." for number, note in enumerate(notes, 1))])


BEGIN, END = "<!-- matrix -->\n", "\n<!-- end -->"


def page() -> Path:
    """Return the page of the docs that has the table."""
    (found,) = (path for path in PAGES if BEGIN in path.read_text())
    return found


def documented() -> str:
    """Return the table in the docs."""
    return page().read_text().partition(BEGIN)[2].partition(END)[0]


def documented_cells() -> Cells:
    """Return what the table in the docs says, as ``table`` takes it."""
    head, _, *lines = documented().splitlines()
    strategies = [name.strip(" `") for name in head.split("|")[2:-1]]
    notes = dict(re.findall(r"^\[(\d+)\] Refused: (.*)\.$", documented(), re.MULTILINE))
    cells: Cells = {(strategy, mode): {} for strategy in strategies for mode in MODES}
    for line in lines:
        if line.startswith("|"):
            control, *columns = (cell.strip(" `") for cell in line.split("|")[1:-1])
            for strategy, column in zip(strategies, columns, strict=True):
                for mode, mark in zip(MODES, column.split(), strict=True):
                    note = re.search(r"\[(\d+)\]", mark)
                    cells[strategy, mode][control] = (
                        notes[note[1]] if note else "yes" if mark == MODES[mode] else "no"
                    )
    return cells


def main() -> None:
    """Train under every strategy in every mode and write the table; fail where a control does not work."""
    cells: Cells = {}
    with tempfile.TemporaryDirectory() as folder:
        for strategy in STRATEGIES:
            out = Path(folder) / strategy
            out.mkdir()
            out = run(strategy, list(MODES), out)
            cells |= cells_of(strategy, list(MODES), out)
    page().write_text(page().read_text().replace(documented(), table(cells)))
    broken = [
        (*where, control) for where, told in cells.items() for control, how in told.items() if how == "no"
    ]
    if broken:
        raise SystemExit(f"these do not work: {broken}")


if __name__ == "__main__":
    main()
