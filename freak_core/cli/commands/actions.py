"""``freak call``, and the actions of a training that have a command: ``checkpoint`` and ``validate``."""

import functools
from typing import Annotated, Unpack

import typer

from freak_core.cli.assignments import assigned
from freak_core.cli.completion import complete_argument
from freak_core.cli.connect import connect
from freak_core.cli.options import (
    ActionArgument,
    JsonOption,
    RunArgument,
    RunOption,
    ScheduleOptions,
    YesOption,
)
from freak_core.cli.send_and_wait import carry_out
from freak_core.cli.terminal import confirm
from freak_core.client.client import Client
from freak_core.client.documents import ActionDescription
from freak_core.errors import NotFound

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUE",
        autocompletion=complete_argument,
        help="Arguments of the action; 'freak describe ACTION' lists them.",
    ),
]
_CONTROLS = {"checkpoint": "CheckpointNow", "validate": "ValidateNow"}
"""The controls of freak_lightning that offer an action."""


def call(
    action: ActionArgument,
    arguments: Arguments = None,
    run: RunOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    **options: Unpack[ScheduleOptions],
) -> None:
    """Call an action of the program: freak call checkpoint name=before."""
    with connect(run) as client:
        known = _known(client, action)
        given = assigned(arguments or [], known["arguments"])
        if known["confirm"]:
            confirm(f"Call {action!r}? It may be hard to undo.", yes=yes)
        carry_out(client, functools.partial(client.call, action, given), as_json=as_json, **options)


def checkpoint(
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the file, without folder and extension.")
    ] = None,
    weights_only: Annotated[
        bool,
        typer.Option("--weights-only", help="Save only the weights: training cannot be resumed from them."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace a file of this name. Without it the new file gets a version number."
        ),
    ] = False,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Wait for the next place from which a resume is exact."),
    ] = False,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[ScheduleOptions],
) -> None:
    """Save a checkpoint after the next step, on all ranks."""
    given: dict[str, object] = {"name": name} if name is not None else {}
    given |= {"weights_only": True} if weights_only else {}
    given |= {"overwrite": True} if overwrite else {}
    given |= {"exact": True} if exact else {}
    with connect(run) as client:
        _known(client, "checkpoint")
        carry_out(client, functools.partial(client.call, "checkpoint", given), as_json=as_json, **options)


def validate(
    name: RunArgument = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[ScheduleOptions],
) -> None:
    """Run an additional validation after the next step."""
    with connect(name or run) as client:
        _known(client, "validate")
        carry_out(client, functools.partial(client.call, "validate"), as_json=as_json, **options)


def _known(client: Client, action: str) -> ActionDescription:
    """Return the description of an action.

    Raises:
        NotFound: the run has no such action.
    """
    actions = client.actions()
    if action not in actions:
        there_are = ", ".join(sorted(actions)) or "none"
        add = f" Add {_CONTROLS[action]}() to the trainer's callbacks." if action in _CONTROLS else ""
        raise NotFound(f"this run has no action {action!r}.{add} Its actions: {there_are}")
    return actions[action]
