"""``freak stop``, ``pause`` and ``resume``: what the controls of a training offer."""

import functools
import time
from typing import Annotated, Any, Literal

import typer

from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import PENDING, exits
from freak_core.cli.options import JsonOption, NoteOption, RunArgument, RunOption, WaitOption, YesOption
from freak_core.cli.send_and_wait import USUAL_WAIT, Send, awaited, carry_out, show_outcome, show_receipt
from freak_core.cli.terminal import confirm, say
from freak_core.cli.wait_for_stop import WITHDRAW, await_stop, stops
from freak_core.client.client import Client
from freak_core.errors import NotFound
from freak_core.receipts import Receipt

ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why, for the receipts.")]
_GIVEN_BY = {"stop": "GracefulStop", "pause": "Pause"}


@exits
def stop(
    name: RunArgument = None,
    after: Annotated[
        Literal["batch", "epoch", "validation"] | None,
        typer.Option("--after", help="What to finish first; the batch if you do not say."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Although min_epochs or min_steps are not reached.")
    ] = False,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Save nothing before.")] = False,
    reason: ReasonOption = None,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Save a checkpoint and stop, on all ranks at the same step."""
    asked: dict[str, Any] = {"should_stop": True, "after": after or "batch"}
    asked |= {"force": True} if force else {}
    asked |= {"checkpoint": False} if no_checkpoint else {}
    asked |= {"reason": reason} if reason is not None else {}
    with connect(name or run) as client:
        _check(client, "stop")
        saves = "without saving" if no_checkpoint else "with a checkpoint"
        facts = client.run()
        confirm(f"Stop {facts['name']!r} after this {asked['after']}, {saves}?", yes=yes)
        patience = USUAL_WAIT if wait is None else wait
        deadline = time.monotonic() + patience
        receipt = awaited(client, _setting(client, "stop", asked, note), patience)
        if receipt.status != "applied" or not patience:
            show_outcome(receipt, as_json=as_json)
            return
        _show_stop(client, receipt, facts, deadline, as_json=as_json)


def _show_stop(
    client: Client, asked: Receipt, run: dict[str, Any], deadline: float, *, as_json: bool
) -> None:
    """Wait for a stop that was asked for, and show how it went; leave with 5 where it has not come."""
    if not as_json:
        show_receipt(asked, as_json=False)
    stopped = await_stop(client, asked, run, deadline)
    if as_json or stopped not in (None, asked):
        show_receipt(stopped or asked, as_json=as_json)
    if stopped is None:
        say(f"not stopped yet, it {stops(asked)}; follow it with 'freak log', {WITHDRAW}")
        raise typer.Exit(PENDING)


@exits
def pause(
    name: RunArgument = None,
    reason: ReasonOption = None,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the training stand still after the next step; everything else goes on working."""
    asked: dict[str, Any] = {"paused": True} | ({"reason": reason} if reason is not None else {})
    with connect(name or run) as client:
        receipt = _ask(client, "pause", asked, wait=wait, note=note, as_json=as_json)
    if _was_so(receipt, "/pause/paused"):
        say("it was paused already")


@exits
def resume(
    name: RunArgument = None,
    run: RunOption = None,
    wait: WaitOption = None,
    note: NoteOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a pause."""
    with connect(name or run) as client:
        receipt = _ask(client, "pause", {"paused": False}, wait=wait, note=note, as_json=as_json)
    if _was_so(receipt, "/pause/paused"):
        say("it was not paused")


def _was_so(receipt: Receipt, path: str) -> bool:
    """Whether a request was applied that asked for what was there."""
    return receipt.status == "applied" and all(change.path != path for change in receipt.changes)


def _ask(
    client: Client,
    section: str,
    asked: dict[str, Any],
    *,
    wait: float | None,
    note: str | None,
    as_json: bool,
) -> Receipt:
    _check(client, section)
    return carry_out(client, _setting(client, section, asked, note), wait=wait, as_json=as_json)


def _setting(client: Client, section: str, asked: dict[str, Any], note: str | None) -> Send:
    values = {f"{section}.{field}": value for field, value in asked.items()}
    return functools.partial(client.set, values, note=note)


def _check(client: Client, section: str) -> None:
    """Refuse what the run does not offer."""
    known = client.schema().get("properties", {})
    if section not in known:
        there_are = ", ".join(known) or "nothing"
        control = f"{_GIVEN_BY[section]}() among a trainer's callbacks gives it"
        raise NotFound(f"this run has no section {section!r}; {control}. Its state has: {there_are}")
