"""What is said of points of metrics that are missing."""

from collections.abc import Iterable, Mapping

from freak_core.cli.terminal import compact, say
from freak_core.runs.summary import unrecorded


def missing_in(run: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return what ``GET /run`` says that is missing in the metrics of a run, live or ended."""
    missing = run.get("missing")
    return missing if isinstance(missing, list) else [*unrecorded(run)]


def say_missing(missing: Iterable[Mapping[str, object]]) -> None:
    """Print on stderr what is missing."""
    for each in missing:
        if "points" in each:
            say(f"{compact(each['points'])} points were not recorded: {each.get('why')}", "yellow")
        else:
            say(f"missing: {compact(each)}", "yellow")
