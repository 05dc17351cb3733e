"""What ``GET /metrics`` says, in Prometheus's text format 0.0.4."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from freak_core.html_tables import leaves

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], Any]

GAUGES = (
    ("freak_step", "step", "Steps the program has done."),
    ("freak_epoch", "epoch", "Epoch the program is in."),
    ("freak_steps_per_second", "steps_per_second", "Pace of the program."),
    ("freak_eta_seconds", "eta_s", "Seconds to the last step, as far as is known."),
    (
        "freak_seconds_since_progress",
        "seconds_since_progress",
        "Seconds since the program told of any.",
    ),
    ("freak_stalled", "stalled", "1 when that is suspiciously long."),
    ("freak_revision", "revision", "Revision of the state."),
    ("freak_world_size", "world_size", "Processes of the program."),
    ("freak_pending_requests", "pending", "Requests that are accepted and wait."),
)


def exposition(
    run: Mapping[str, Any], state: Any, metrics: Mapping[str, float | None], ended: Mapping[str, int]
) -> str:
    """Return the numbers of a run.

    Args:
        run: its facts.
        state: its value as JSON; every number in it becomes a sample.
        metrics: the newest value of each; one that is not finite is None.
        ended: how many requests have ended, by status.
    """
    info = {name: str(run.get(name, "")) for name in ("id", "name", "host", "phase")}
    lines = [*_family("freak_run_info", "gauge", "What the run is.", [(info, 1)])]
    lines += _family(
        "freak_start_time_seconds", "gauge", "When the run began.", [({}, _seconds(run.get("started_at")))]
    )
    for name, fact, about in GAUGES:
        lines += _family(name, "gauge", about, [({}, run.get(fact))])
    statuses = {"applied": 0, "rejected": 0, "failed": 0, "cancelled": 0, **ended}
    requests = [({"status": status}, number) for status, number in statuses.items()]
    lines += _family("freak_receipts_total", "counter", "Requests that have ended, by status.", requests)
    logged = [({"name": name}, math.nan if value is None else value) for name, value in metrics.items()]
    lines += _family("freak_metric", "gauge", "Newest value of each metric the program logs.", logged)
    numbers = [({"path": path}, value) for path, value in leaves(state)]
    lines += _family("freak_state", "gauge", "Numbers of the state, by path.", numbers)
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    lines = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples if _is_number(value)]
    if lines:
        yield from (f"# HELP {name} {about}", f"# TYPE {name} {kind}", *lines)


def _is_number(value: Any) -> bool:
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


def _seconds(started_at: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(started_at)).timestamp()
    except ValueError:
        return None
