"""``freak export``: the metrics of a run as CSV, JSON or TensorBoard event files."""

import contextlib
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from freak_core.cli.connect import connect, folder_of
from freak_core.cli.missing_points import missing_in, say_missing
from freak_core.cli.options import RunArgument, RunOption
from freak_core.cli.tensorboard import write_events
from freak_core.cli.terminal import say
from freak_core.client.client import Client
from freak_core.errors import ConfigurationError, NotFound
from freak_core.runs.metric_parts import Points, parts
from freak_core.runs.stored_runs import StoredRun

MOST_POINTS = 100_000
"""Points of a metric that a server answers with at most."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def export(
    name: RunArgument = None,
    to: Annotated[
        Literal["csv", "json", "tensorboard"],
        typer.Option(
            "--format",
            "-f",
            help="csv: the metrics. json: metrics, state and receipts. tensorboard: event files.",
        ),
    ] = "csv",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write; a folder for tensorboard. Default: standard output.",
        ),
    ] = None,
    run: RunOption = None,
) -> None:
    """Write the metrics of a run, live or ended, as CSV, JSON or TensorBoard event files."""
    if to == "tensorboard" and output is None:
        raise typer.BadParameter("tensorboard needs a folder: --output FOLDER")
    with connect(name or run, reading=True, ended=True) as client:
        stored = folder_of(client)
        points, missing = _points(client, stored)
        told = _everything(client, stored, points, missing) if to == "json" else {}
    say_missing(missing)
    try:
        if to == "tensorboard" and output is not None:
            write_events(output, points)
        elif output is not None:
            with output.open("w", newline="", encoding="utf-8") as file:
                _write(file, to, points, told)
        else:
            _write(sys.stdout, to, points, told)
    except OSError as error:
        raise ConfigurationError(f"cannot write {output or 'the metrics'}: {error}") from None
    if output is not None:
        say(f"wrote {sum(map(len, points.values()))} points of {len(points)} metrics to {output}")


def _write(file: IO[str], to: str, points: Mapping[str, Points], told: Mapping[str, object]) -> None:
    if to == "json":
        json.dump(told, file)
        file.write("\n")
    else:
        _write_csv(file, points)


def _points(
    client: Client, stored: StoredRun | None
) -> tuple[Mapping[str, Points], list[Mapping[str, object]]]:
    """Return all points: from the folder of the run, or of its server where the folder is elsewhere."""
    if stored is not None and parts(stored.path):
        found, damage = stored.points()
        return found, [*damage.missing, *({"unreadable": what} for what in damage.unreadable)]
    points: dict[str, Points] = {}
    for metric, series in client.series(max_points=MOST_POINTS).items():
        points[metric] = Points()
        for step, at, value in series:
            points[metric].add(0, step, at or 0.0, value)
    return points, missing_in(client.run())


def _everything(
    client: Client,
    stored: StoredRun | None,
    points: Mapping[str, Points],
    missing: list[Mapping[str, object]],
) -> dict[str, object]:
    told: dict[str, object] = {"run": {n: v for n, v in client.run().items() if n != "access"}}
    with contextlib.suppress(NotFound):
        told["state"] = client.state()
    if stored is not None:
        with contextlib.suppress(NotFound):
            told["config"] = stored.config()
        told["checkpoints"] = (
            [each.model_dump() for each in stored.summary.checkpoints] if stored.summary else []
        )
    receipts = stored.receipts() if stored is not None else client.receipts(last=1000)
    told["receipts"] = [receipt.model_dump(mode="json") for receipt in receipts]
    columns = ("segment", "step", "at", "value")
    told["metrics"] = {
        name: dict(zip(columns, map(list, zip(*each.rows(), strict=True)), strict=True))
        for name, each in points.items()
        if len(each)
    }
    told["missing"] = missing
    return told


def _write_csv(file: IO[str], points: Mapping[str, Points]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("metric", "segment", "step", "time", "value"))
    for name, each in points.items():
        text = f"'{name}" if name.startswith(FORMULA) else name
        writer.writerows((text, *row) for row in each.rows())
