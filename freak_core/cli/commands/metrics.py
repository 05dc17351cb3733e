"""``freak metrics``: the newest value of each metric."""

from typing import Annotated

import typer

from freak_core.cli.completion import complete_metric
from freak_core.cli.connect import connect
from freak_core.cli.missing_points import missing_in, say_missing
from freak_core.cli.options import JsonOption, RunOption
from freak_core.cli.terminal import measured, say, show_json, show_table
from freak_core.errors import NotFound

HEADER = ("METRIC", "VALUE", "STEP")
FEWEST = 5
"""Points of each metric to ask for: the server accepts no fewer, and the newest is always one of them."""

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME", autocompletion=complete_metric, help="Names of metrics. Default: all metrics."
    ),
]


def metrics(names: Names = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Print the newest value of each logged metric, learning rates included, and its step."""
    with connect(run, reading=True, ended=True) as client:
        known = {name: points[-1] for name, points in client.series(max_points=FEWEST).items() if points}
        say_missing(missing_in(client.run()))
    unknown = next((name for name in names or () if name not in known), None)
    if unknown is not None:
        raise NotFound(f"this run has no metric {unknown!r}. Its metrics: {', '.join(known) or 'none'}")
    newest = {name: known[name] for name in names or sorted(known)}
    if as_json:
        show_json(
            {name: dict(zip(("step", "at", "value"), each, strict=True)) for name, each in newest.items()}
        )
    elif newest:
        rows = [(name, measured(value), measured(step, "-")) for name, (step, _, value) in newest.items()]
        show_table(HEADER, rows)
    else:
        say("this run has logged no metrics yet")
