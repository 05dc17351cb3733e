"""``freak compare``: what differs between runs, live or ended."""

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from freak_core.cli.completion import complete_run
from freak_core.cli.connect import connect
from freak_core.cli.options import JsonOption
from freak_core.cli.terminal import compact, measured, show, show_json, show_table
from freak_core.errors import NotFound
from freak_core.runs.run_folder import RunFolder
from freak_core.runs.stored_runs import open_run
from freak_core.text.html_tables import leaves

RunsArgument = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", autocompletion=complete_run, help="Two or more runs, live or ended."),
]
ABSENT = "-"


def compare(runs: RunsArgument, as_json: JsonOption = False) -> None:
    """Print what differs between runs: the values of their states, and the newest value of each metric.

    A value that has changed in a run is shown as old → new.
    """
    if len(runs) < 2:
        raise typer.BadParameter("give two or more runs to compare")
    columns = [_column(run) for run in runs]
    if as_json:
        show_json(columns)
        return
    titles = [each["name"] for each in columns]
    if len(set(titles)) < len(titles):
        titles = [f"{each['name']} ({each['id']})" for each in columns]
    facts = [
        (name, [str(each.get(name) if each.get(name) is not None else ABSENT) for each in columns])
        for name in ("state", "epoch", "step")
    ]
    show_table(["RUN", *titles], [[name, *cells] for name, cells in facts])
    for title, key, cell in (("VALUE", "values", _value), ("METRIC", "metrics", _metric)):
        rows = [
            (name, [cell(each, name) for each in columns])
            for name in sorted({n for e in columns for n in e[key]})
        ]
        rows = [(name, cells) for name, cells in rows if key == "metrics" or len(set(cells)) > 1]
        if rows:
            show("")
            show_table([title, *titles], [[name, *cells] for name, cells in rows])


def _column(wanted: str) -> dict[str, Any]:
    """Return what is compared of a run."""
    with connect(wanted, reading=True, ended=True, silent=True) as client:
        facts = client.run()
        state: Mapping[str, object] = {}
        with contextlib.suppress(NotFound):
            state = client.state()
        series = client.series(max_points=5)
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
        "metrics": {name: points[-1][2] for name, points in series.items() if points},
    }


def _value(column: Mapping[str, Any], path: str) -> str:
    if path not in column["values"]:
        return ABSENT
    now = compact(column["values"][path])
    before = compact(column["at_start"][path]) if path in column["at_start"] else now
    return now if before == now else f"{before} → {now}"


def _metric(column: Mapping[str, Any], name: str) -> str:
    return measured(column["metrics"][name]) if name in column["metrics"] else ABSENT
