"""``freak get``, ``set`` and ``reset``: read and change the state."""

import functools
from typing import Annotated, Unpack

import typer

from freak_core.cli.assignments import assigned, in_list
from freak_core.cli.completion import complete_assignment
from freak_core.cli.connect import connect
from freak_core.cli.options import ChangeOptions, JsonOption, PathArgument, RunOption, YesOption
from freak_core.cli.send_and_wait import Send, carry_out
from freak_core.cli.terminal import compact, confirm, show, show_json, show_text
from freak_core.client.client import Client
from freak_core.client.requests import keys_of

Assignments = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH=VALUE",
        autocompletion=complete_assignment,
        help="Such as lr.hold=3e-4. VALUE is JSON if it is valid JSON and fits the schema, else a string.",
    ),
]


def get(path: PathArgument = "", run: RunOption = None, as_json: JsonOption = False) -> None:
    """Print a value, or the whole state, as JSON; a string without quotes unless you give --json."""
    with connect(run) as client:
        value = client.get(path)
    if as_json or isinstance(value, dict):
        show_json(value)
    else:
        show_text(value) if isinstance(value, str) else show(compact(value))


def set_values(
    values: Assignments,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[ChangeOptions],
) -> None:
    """Change values, all of them or none: freak set lr.hold=3e-4 --note 'the loss diverges'."""
    with connect(run) as client:
        carry_out(client, _change(client, values), as_json=as_json, **options)


def _change(client: Client, words: list[str]) -> Send:
    """Return what sends a change: a merge patch, or a PUT for the item of a list, which no patch can name."""
    schema = client.schema()
    values = assigned(words, schema)
    items = [path for path in values if in_list(schema, keys_of(path))]
    if not items:
        return functools.partial(client.set, values)
    if len(values) > 1:
        raise typer.BadParameter(f"{items[0]!r} is an item of a list: set it alone, or set the whole list")
    return functools.partial(client.put, items[0], values[items[0]])


def reset(
    path: PathArgument = "",
    run: RunOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    **options: Unpack[ChangeOptions],
) -> None:
    """Set a value, or the whole state, back to its initial value."""
    with connect(run) as client:
        if not path and not options.get("dry_run"):
            confirm("Set the whole state back to its initial values?", yes=yes)
        carry_out(client, functools.partial(client.reset, path), as_json=as_json, **options)
