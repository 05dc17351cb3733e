"""The numbers of a run in Prometheus's text format 0.0.4: the answer of ``GET /metrics``."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeGuard

from freak_core.text.paths import leaves
from freak_core.text.strict_json import JSON

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], object]
"""Labels and value. A value that is no number is left out."""

GAUGES = (
    ("freak_step", "step", "Steps that the program has done."),
    ("freak_logged_step", "logged_step", "The step that loggers use, where it differs from freak_step."),
    ("freak_epoch", "epoch", "Epoch that the program is in."),
    ("freak_steps_per_second", "steps_per_second", "Steps that the program does in a second."),
    ("freak_eta_seconds", "eta_s", "Estimated seconds to the last step."),
    (
        "freak_seconds_since_progress",
        "seconds_since_progress",
        "Seconds since the program last reported progress.",
    ),
    ("freak_stalled", "stalled", "1 if the program has reported no progress for suspiciously long."),
    ("freak_revision", "revision", "Revision of the state."),
    ("freak_world_size", "world_size", "Number of ranks of the program."),
    ("freak_pending_requests", "pending", "Requests that are accepted and not yet applied."),
)


def exposition(
    run: Mapping[str, object], state: JSON, metrics: Mapping[str, float | None], ended: Mapping[str, int]
) -> str:
    """Return the numbers of a run as text.

    Args:
        run: what ``GET /run`` says.
        state: the state; every number in it becomes a sample.
        metrics: the newest value of each metric; None for one that is not finite.
        ended: the number of requests that have ended, by status.
    """
    info = {name: str(run.get(name, "")) for name in ("id", "name", "host", "phase")}
    lines = [*_family("freak_run_info", "gauge", "Id, name, host and phase of the run.", [(info, 1)])]
    lines += _family(
        "freak_start_time_seconds",
        "gauge",
        "Start of the run, in seconds since the epoch.",
        [({}, _seconds(run.get("started_at")))],
    )
    for name, fact, about in GAUGES:
        lines += _family(name, "gauge", about, [({}, run.get(fact))])
    statuses = {"applied": 0, "rejected": 0, "failed": 0, "cancelled": 0, **ended}
    requests = [({"status": status}, number) for status, number in statuses.items()]
    lines += _family("freak_receipts_total", "counter", "Requests that have ended, by status.", requests)
    logged = [({"name": name}, math.nan if value is None else value) for name, value in metrics.items()]
    lines += _family("freak_metric", "gauge", "Newest value of each metric that the program logs.", logged)
    numbers = [({"path": path}, value) for path, value in leaves(state)]
    lines += _family("freak_state", "gauge", "Every number in the state, by path.", numbers)
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    lines = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples if _is_number(value)]
    if lines:
        yield from (f"# HELP {name} {about}", f"# TYPE {name} {kind}", *lines)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float)


def _number(value: float) -> str:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    return repr(number).replace("nan", "NaN").replace("inf", "Inf")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _seconds(started_at: object) -> float | None:
    try:
        return datetime.fromisoformat(str(started_at)).timestamp()
    except ValueError:
        return None
