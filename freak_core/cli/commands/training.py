"""``freak stop``, ``pause`` and ``resume``: the controls of a training."""

import functools
import time
from typing import Annotated, Literal, Unpack

import typer

from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import ExitCode
from freak_core.cli.options import JsonOption, RequestOptions, RunArgument, RunOption, YesOption
from freak_core.cli.send_and_wait import (
    DEFAULT_WAIT,
    Send,
    carry_out,
    send_and_wait,
    show_outcome,
    show_receipt,
)
from freak_core.cli.terminal import confirm, say
from freak_core.cli.wait_for_stop import TAKE_BACK, wait_for_stop, when_it_stops
from freak_core.client.client import Client
from freak_core.client.documents import RunFacts
from freak_core.errors import NotFound
from freak_core.receipts import Receipt

ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="The reason, shown with the run and in the receipts.")
]
_CONTROLS = {"stop": "GracefulStop", "pause": "Pause"}
"""The controls of freak_lightning that have a section of the state."""


def stop(
    name: RunArgument = None,
    after: Annotated[
        Literal["batch", "epoch", "validation"],
        typer.Option("--after", help="What to finish first."),
    ] = "batch",
    force: Annotated[
        bool, typer.Option("--force", help="Stop even if min_epochs or min_steps is not reached.")
    ] = False,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Do not save a checkpoint.")] = False,
    reason: ReasonOption = None,
    run: RunOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    **options: Unpack[RequestOptions],
) -> None:
    """Save a checkpoint and stop the training, on all ranks at the same step.

    The command waits until the training has stopped, for --wait seconds at most, and prints the path of the
    checkpoint.
    """
    asked: dict[str, object] = {"should_stop": True, "after": after}
    asked |= {"force": True} if force else {}
    asked |= {"checkpoint": False} if no_checkpoint else {}
    asked |= {"reason": reason} if reason is not None else {}
    with connect(name or run) as client:
        _check(client, "stop")
        saves = "without a checkpoint" if no_checkpoint else "with a checkpoint"
        facts = client.run()
        confirm(f"Stop {facts['name']!r} after this {after}, {saves}?", yes=yes)
        wait = options.get("wait")
        timeout = DEFAULT_WAIT if wait is None else wait
        deadline = time.monotonic() + timeout
        receipt = send_and_wait(client, _setting(client, "stop", asked), timeout, options)
        if receipt.status != "applied" or not timeout:
            show_outcome(receipt, as_json=as_json)
            return
        _show_stop(client, receipt, facts, deadline, as_json=as_json)


def _show_stop(client: Client, asked: Receipt, run: RunFacts, deadline: float, *, as_json: bool) -> None:
    """Wait until the training has stopped and print the receipt of the stop; exit with 5 at the deadline."""
    if not as_json:
        show_receipt(asked, as_json=False)
    stopped = wait_for_stop(client, asked, run, deadline)
    if as_json or stopped not in (None, asked):
        show_receipt(stopped or asked, as_json=as_json)
    if stopped is None:
        say(f"not stopped yet, it {when_it_stops(asked)}; follow it with 'freak log', {TAKE_BACK}")
        raise typer.Exit(ExitCode.PENDING)


def pause(
    name: RunArgument = None,
    reason: ReasonOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[RequestOptions],
) -> None:
    """Pause the training after the next step; requests are still answered and applied.

    'freak resume' lets it go on. To end the training and go on later from a checkpoint, use 'freak stop'.
    """
    asked: dict[str, object] = {"paused": True} | ({"reason": reason} if reason is not None else {})
    with connect(name or run) as client:
        _check(client, "pause")
        receipt = carry_out(client, _setting(client, "pause", asked), as_json=as_json, **options)
    if _changed_nothing(receipt):
        say("the training was paused already")


def resume(
    name: RunArgument = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[RequestOptions],
) -> None:
    """Continue a training that 'freak pause' has paused.

    This does not resume from a checkpoint: for that, start the script again and pass the path of the
    checkpoint to Trainer.fit as ckpt_path. 'freak stop' and 'freak checkpoint' print the path.
    """
    with connect(name or run) as client:
        _check(client, "pause")
        receipt = carry_out(client, _setting(client, "pause", {"paused": False}), as_json=as_json, **options)
    if _changed_nothing(receipt):
        say("the training was not paused")


def _changed_nothing(receipt: Receipt) -> bool:
    """Whether ``pause.paused`` had the requested value already."""
    return receipt.status == "applied" and all(change.path != "/pause/paused" for change in receipt.changes)


def _setting(client: Client, section: str, asked: dict[str, object]) -> Send:
    return functools.partial(client.set, {f"{section}.{field}": value for field, value in asked.items()})


def _check(client: Client, section: str) -> None:
    """Raise ``NotFound`` if the state of the run has no such section."""
    known = client.schema().get("properties", {})
    if section not in known:
        there_are = ", ".join(known) or "none"
        add = f"Add {_CONTROLS[section]}() to the trainer's callbacks."
        raise NotFound(f"this run has no section {section!r}. {add} Its sections: {there_are}")
