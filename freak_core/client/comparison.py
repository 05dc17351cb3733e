"""What is compared of a run, live or ended: its values, and the newest value of each metric."""

import contextlib
from collections.abc import Mapping
from typing import TypedDict

from freak_core.client.client import Client
from freak_core.client.documents import RunFacts
from freak_core.errors import NotFound
from freak_core.runs.run_folder import RunFolder
from freak_core.runs.stored_runs import open_run
from freak_core.text.paths import leaves
from freak_core.text.strict_json import JSON


class Compared(TypedDict):
    """One run among those that are compared.

    Attributes:
        id, name, state, epoch, step: of the run; ``state`` is its run phase.
        values: the values of its state now, by their paths with dots.
        at_start: the same at its start.
        metrics: the newest value of each metric.
    """

    id: str
    name: str
    state: str | None
    epoch: int | None
    step: int | None
    values: dict[str, object]
    at_start: dict[str, object]
    metrics: dict[str, float | None]


def read(client: Client) -> Compared:
    """Return what is compared of a run.

    Args:
        client: reads the run.

    Raises:
        Refused: it cannot be read.
    """
    facts = client.run()
    state: Mapping[str, JSON] = {}
    with contextlib.suppress(NotFound):
        state = client.state()
    series = client.series(max_points=5)
    return compared(facts, state, {name: points[-1][2] for name, points in series.items() if points})


def compared(facts: RunFacts, state: object, metrics: dict[str, float | None]) -> Compared:
    """Return what is compared of a run.

    Args:
        facts: as ``GET /run`` answers.
        state: the state of the run; empty if it is not known.
        metrics: the newest value of each metric.
    """
    stored = open_run(RunFolder(facts["id"]).path)
    start: object = {}
    if stored is not None:
        with contextlib.suppress(NotFound):
            start = stored.config()["value"]
    return {
        "id": facts["id"],
        "name": facts["name"],
        "state": facts.get("phase"),
        "epoch": facts.get("epoch"),
        "step": facts.get("step"),
        "values": dict(leaves(state)) if state else {},
        "at_start": dict(leaves(start)) if start else {},
        "metrics": metrics,
    }
