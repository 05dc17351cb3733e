"""``freak get``, ``set`` and ``reset``: the state."""

import functools
from collections.abc import Callable
from typing import Annotated

import typer

from freak_core.cli.assignments import assigned, in_list
from freak_core.cli.completion import complete_assignment
from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import exits
from freak_core.cli.options import (
    AtEpochOption,
    AtStepOption,
    DryRunOption,
    IfMatchOption,
    JsonOption,
    NoteOption,
    PathArgument,
    RunOption,
    WaitOption,
    YesOption,
)
from freak_core.cli.send_and_wait import carry_out, revision_tag
from freak_core.cli.terminal import compact, confirm, show, show_json
from freak_core.client.client import Client
from freak_core.client.requests import keys_of
from freak_core.receipts import Receipt

Assignments = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH=VALUE...",
        autocompletion=complete_assignment,
        help="Such as lr.hold=3e-4: JSON if it is JSON and fits there, else a string.",
    ),
]


@exits
def get(path: PathArgument = "", run: RunOption = None, as_json: JsonOption = False) -> None:
    """Print the value at a path, or the whole state; a string without --json as it is."""
    with connect(run) as client:
        value = client.get(path)
    if as_json or isinstance(value, dict):
        show_json(value)
    else:
        show(value if isinstance(value, str) else compact(value))


@exits
def set_values(
    values: Assignments,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    dry_run: DryRunOption = False,
    if_match: IfMatchOption = None,
    at_step: AtStepOption = None,
    at_epoch: AtEpochOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change values, all or none: freak set lr.hold=3e-4 --note 'loss is jumping'."""
    with connect(run) as client:
        send = functools.partial(
            _change(client, values),
            note=note,
            dry_run=dry_run,
            if_match=revision_tag(client, if_match),
            at_step=at_step,
            at_epoch=at_epoch,
        )
        carry_out(client, send, wait=wait, as_json=as_json, at_step=at_step, at_epoch=at_epoch)


def _change(client: Client, words: list[str]) -> Callable[..., Receipt]:
    """Return what sets values: all in one, or the item of a list, which no merge patch can name."""
    schema = client.schema()
    values = assigned(words, schema)
    items = [path for path in values if in_list(schema, keys_of(path))]
    if not items:
        return functools.partial(client.set, values)
    if len(values) > 1:
        raise typer.BadParameter(f"{items[0]!r} is an item of a list: set it alone, or the whole list")
    return functools.partial(client.put, items[0], values[items[0]])


@exits
def reset(
    path: PathArgument = "",
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    dry_run: DryRunOption = False,
    if_match: IfMatchOption = None,
    at_step: AtStepOption = None,
    at_epoch: AtEpochOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a value, or the whole state, back to what it was at the start."""
    with connect(run) as client:
        if not path and not dry_run:
            confirm("Put the whole state back to what it was at the start?", yes=yes)
        send = functools.partial(
            client.reset,
            path,
            note=note,
            dry_run=dry_run,
            if_match=revision_tag(client, if_match),
            at_step=at_step,
            at_epoch=at_epoch,
        )
        carry_out(client, send, wait=wait, as_json=as_json, at_step=at_step, at_epoch=at_epoch)
