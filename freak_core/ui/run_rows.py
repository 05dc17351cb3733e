"""One row of the list of runs: what the folder of a run tells, and of a live one what its server says."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from freak_core.runs.journal_reader import Asked, asked_in
from freak_core.runs.run_file import Run
from freak_core.runs.stored_runs import BROKEN, StoredRun
from freak_core.text.timestamps import age, time_of

MOST_METRICS = 100
"""Metrics of a run that the list has; the page of the run has all."""

Row = dict[str, Any]


def stored_row(run: StoredRun) -> Row:
    """Return the row of a run that its folder tells of."""
    summary = run.summary
    facts: Mapping[str, Any] = summary.facts if summary else {}
    asked = asked_in(run.journal) if run.phase != BROKEN else Asked()
    newest = summary.newest if summary else {}
    until = run.ended_at or (summary.updated_at if summary else None)
    process = summary.process if summary else None
    return {
        "id": run.path.name,
        "name": run.name,
        "phase": run.phase,
        "alive": False,
        "error": run.error,
        "stopped_by": run.stopped_by,
        "reason": run.reason,
        "epoch": facts.get("epoch"),
        "step": facts.get("step"),
        "total_steps": facts.get("total_steps"),
        "metrics": {name: newest[name][2] for name in list(newest)[:MOST_METRICS]},
        "started_at": run.started_at or None,
        "ended_at": run.ended_at,
        "duration_s": _between(run.started_at, until),
        "host": process.host if process else None,
        "launcher": summary.launcher if summary else {},
        "group": _array(summary.launcher) if summary else None,
        "program": _program(process) if process else None,
        "steered_by": asked.by,
        "requests": asked.requests,
        "unreadable": run.unreadable or None,
        "unreachable": None,
        "url": f"runs/{quote(os.fsencode(run.path.name), safe='')}/",
    }


def live_row(run: Run, stored: StoredRun | None, told: Mapping[str, Any] | None) -> Row:
    """Return the row of a live run.

    Args:
        run: what its run file says.
        stored: what its folder tells; None if there is none.
        told: what its server says; None if it has not answered yet.
    """
    known = stored_row(stored) if stored is not None and stored.phase != BROKEN else {}
    facts = told or {}
    seconds = age(run.started_at)
    more = {name: facts[name] for name in ("epoch", "step", "total_steps") if facts.get(name) is not None}
    if not known:
        requests = asked_in(Path(run.journal)) if run.journal else Asked()
        known = {
            **dict.fromkeys(("error", "stopped_by", "reason", "epoch", "step", "total_steps")),
            "metrics": {},
            "unreadable": None,
            "steered_by": requests.by,
            "requests": requests.requests,
        }
    phase = facts.get("phase") or known.get("phase") or "starting"
    return {
        **known,
        "id": run.id,
        "name": run.name,
        "phase": phase,
        "alive": True,
        "stalled": bool(facts.get("stalled")),
        **more,
        "started_at": run.started_at,
        "ended_at": None,
        "duration_s": None if seconds is None else round(seconds, 1),
        "host": run.host,
        "launcher": run.launcher,
        "group": _array(run.launcher),
        "program": _program(run.process),
        "unreachable": facts.get("unreachable"),
        "url": f"runs/{quote(run.id, safe='')}/",
    }


def with_groups(rows: list[Row]) -> list[Row]:
    """Return the rows with the runs of one program in a group, where no SLURM array has put them in one."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["program"]] = counts.get(row["program"], 0) + 1
    return [
        {**row, "group": row["program"]}
        if row["group"] is None and row["program"] is not None and counts[row["program"]] > 1
        else row
        for row in rows
    ]


def _array(launcher: Mapping[str, str]) -> str | None:
    job = launcher.get("slurm_array_job")
    return f"SLURM array {job}" if job else None


def _program(process: Any) -> str:
    """Return a name for the process of a run. A sweep in one process has several runs."""
    return f"process {process.pid} on {process.host}" + ("" if process.started is None else _since(process))


def _since(process: Any) -> str:
    return f", {process.started:.0f}" if os.name == "posix" else ""


def _between(start: str, end: str | None) -> float | None:
    begun, ended = time_of(start), time_of(end)
    return round(max(0.0, (ended - begun).total_seconds()), 1) if begun and ended else None
