"""The next fit of a program: a script or a sweep has one after the other, torchrun starts one again."""

from collections.abc import Mapping, Sequence
from typing import Any

from freak_core.runs.stored_runs import BROKEN

Row = Mapping[str, Any]


def next_fit(rows: Sequence[Row], run_id: str) -> dict[str, Any] | None:
    """Return id, name and page of the run that the program of a run has started next; None without one.

    Args:
        rows: the rows of all runs.
        run_id: the run.
    """
    fit = next((row for row in rows if row["id"] == run_id), None)
    if fit is None or not fit["started_at"]:
        return None
    later = [row for row in rows if row["phase"] != BROKEN and (row["started_at"] or "") > fit["started_at"]]
    found = min(
        (row for row in later if _same_program(fit, row)),
        key=lambda row: str(row["started_at"]),
        default=None,
    )
    return None if found is None else {name: found[name] for name in ("id", "name", "url")}


def _same_program(one: Row, other: Row) -> bool:
    """Return whether two runs are of one process, or of a job that was started again."""
    if one["program"] is not None and one["program"] == other["program"]:
        return True
    jobs = [{name: row["launcher"].get(name) for name in ("torchrun", "slurm_job")} for row in (one, other)]
    return one["name"] == other["name"] and jobs[0] == jobs[1] and any(jobs[0].values())
