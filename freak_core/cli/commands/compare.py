"""``freak compare``: what differs between runs, live or ended."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from freak_core.cli.completion import complete_run
from freak_core.cli.connect import connect
from freak_core.cli.options import JsonOption
from freak_core.cli.terminal import compact, measured, show, show_json, show_table
from freak_core.client.comparison import Compared, read

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
    values = sorted({name for each in columns for name in each["values"]})
    metrics = sorted({name for each in columns for name in each["metrics"]})
    differing = [cells for name in values if len(set((cells := _cells(columns, name, _value))[1:])) > 1]
    for title, rows in (("VALUE", differing), ("METRIC", [_cells(columns, n, _metric) for n in metrics])):
        if rows:
            show("")
            show_table([title, *titles], rows)


def _cells(columns: Sequence[Compared], name: str, cell: Callable[[Compared, str], str]) -> list[str]:
    return [name, *(cell(each, name) for each in columns)]


def _column(wanted: str) -> Compared:
    """Return what is compared of a run."""
    with connect(wanted, reading=True, ended=True, silent=True) as client:
        return read(client)


def _value(column: Compared, path: str) -> str:
    if path not in column["values"]:
        return ABSENT
    now = compact(column["values"][path])
    before = compact(column["at_start"][path]) if path in column["at_start"] else now
    return now if before == now else f"{before} → {now}"


def _metric(column: Compared, name: str) -> str:
    return measured(column["metrics"][name]) if name in column["metrics"] else ABSENT
