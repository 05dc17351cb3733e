"""``freak call``, and the actions of a training that have a command: ``checkpoint`` and ``validate``."""

import functools
from typing import Annotated, Any

import typer

from freak_core.cli.assignments import assigned
from freak_core.cli.completion import complete_argument
from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import exits
from freak_core.cli.options import (
    ActionArgument,
    AtEpochOption,
    AtStepOption,
    JsonOption,
    NoteOption,
    RunArgument,
    RunOption,
    WaitOption,
    YesOption,
)
from freak_core.cli.send_and_wait import carry_out
from freak_core.cli.terminal import confirm
from freak_core.client.client import Client
from freak_core.errors import NotFound

Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME=VALUE]...", autocompletion=complete_argument, help="Its arguments."),
]
_GIVEN_BY = {"checkpoint": "CheckpointNow", "validate": "ValidateNow"}


@exits
def call(
    action: ActionArgument,
    arguments: Arguments = None,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    at_step: AtStepOption = None,
    at_epoch: AtEpochOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Call an action of the program: freak call checkpoint name=before."""
    with connect(run) as client:
        schema = client.actions().get(action, {}).get("arguments", {})
        options: dict[str, Any] = {"wait": wait, "note": note, "at_step": at_step, "at_epoch": at_epoch}
        _call(client, action, assigned(arguments or [], schema), yes=yes, as_json=as_json, **options)


@exits
def checkpoint(
    name: Annotated[str | None, typer.Option("--name", help="File name without folder and ending.")] = None,
    weights_only: Annotated[
        bool, typer.Option("--weights-only", help="Leave out what resuming needs.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the file of that name; else the new one gets a version."),
    ] = False,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    at_step: AtStepOption = None,
    at_epoch: AtEpochOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a checkpoint after the next step, on all ranks."""
    given: dict[str, Any] = {"name": name} if name is not None else {}
    given |= {"weights_only": True} if weights_only else {}
    given |= {"overwrite": True} if overwrite else {}
    with connect(run) as client:
        options: dict[str, Any] = {"wait": wait, "note": note, "at_step": at_step, "at_epoch": at_epoch}
        _call(client, "checkpoint", given, as_json=as_json, **options)


@exits
def validate(
    name: RunArgument = None,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    at_step: AtStepOption = None,
    at_epoch: AtEpochOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one more validation after the next step."""
    with connect(name or run) as client:
        options: dict[str, Any] = {"wait": wait, "note": note, "at_step": at_step, "at_epoch": at_epoch}
        _call(client, "validate", {}, as_json=as_json, **options)


def _call(
    client: Client,
    action: str,
    arguments: dict[str, Any],
    *,
    as_json: bool,
    wait: float | None,
    note: str | None,
    at_step: int | None,
    at_epoch: int | None,
    yes: bool = False,
) -> None:
    known = client.actions()
    if action not in known:
        there_are = ", ".join(sorted(known)) or "none"
        control = f"; {_GIVEN_BY[action]}() among the callbacks gives it" if action in _GIVEN_BY else ""
        raise NotFound(f"this run has no action {action!r}{control}. Its actions: {there_are}")
    if known[action].get("confirm"):
        confirm(f"Call {action!r}? It is hard to take back.", yes=yes)
    send = functools.partial(client.call, action, arguments, note=note, at_step=at_step, at_epoch=at_epoch)
    carry_out(client, send, wait=wait, as_json=as_json, at_step=at_step, at_epoch=at_epoch)
