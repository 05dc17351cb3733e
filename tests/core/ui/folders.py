"""Folders of runs that have ended, written without running anything."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from freak_core.runs.metric_parts import Batch, MetricParts
from freak_core.runs.overview import Overview
from freak_core.runs.run_folder import RunFolder, write_private
from freak_core.runs.summary import Summary
from freak_core.text.strict_json import dumps


def leave_run(number: int, metrics: Collection[str] = ("loss",)) -> RunFolder:
    """Write what a run that somebody has steered leaves, without its points.

    Args:
        number: a later run has a higher one.
        metrics: the names of its metrics.
    """
    facts = {"phase": "finished", "epoch": 3, "step": 40_000, "host": "gpu7", "pid": number, "name": "run"}
    started_at = f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
    summary = Summary(
        id=f"run{number}",
        name=f"run-{number}",
        started_at=started_at,
        updated_at="2026-01-01T12:00:00Z",
        ended_at="2026-01-01T12:00:00Z",
        facts=facts,
        newest=dict.fromkeys(metrics, (40_000, 1_800_000_000.0, 0.123456789)),
    )
    folder = RunFolder(summary.id)
    write_private(folder.make() / "summary.json", dumps(summary.model_dump()))
    lines = [dumps({"freak_journal": 1, "run": summary.id, "name": summary.name, "started_at": started_at})]
    for seq in (1, 2):
        receipt = {"id": f"{number}-{seq}", "seq": seq, "kind": "patch", "by": "owner", "status": "applied"}
        lines.append(dumps({**receipt, "requested_at": started_at, "changes": []}))
    write_private(folder.journal, "\n".join(lines) + "\n")
    return folder


def leave_points(
    folder: Path, metrics: Sequence[str], count: int, value: Callable[[int], float], *, overview: bool = True
) -> None:
    """Write what a recorder leaves of metrics that were logged at ``count`` steps, a second apart.

    Args:
        folder: the folder of the run.
        metrics: their names.
        count: how many points each has.
        value: of every metric at a step.
        overview: write the overview, too, as at the end of a run that was not killed.
    """
    parts, kept = MetricParts(folder), Overview()
    for start in range(0, count, 400):
        steps = list(range(start, min(count, start + 400)))
        column = [value(step) for step in steps]
        at = [1_700_000_000.0 + step for step in steps]
        batch = Batch(steps[-1] + 1, 0, metrics, [*steps], at, [column] * len(metrics))
        parts.append([batch.line()])
        kept.add(batch)
    parts.close()
    if overview:
        kept.write(folder)
