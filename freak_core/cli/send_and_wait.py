"""The outcome of a request: awaited, shown, told by the exit code."""

import contextlib
import functools
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from freak_core.cli.completion import complete_receipt
from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import PENDING, GivenUp, Unanswered, exits
from freak_core.cli.options import JsonOption, RunOption
from freak_core.cli.terminal import compact, dotted, progress, say, show, show_facts, show_json
from freak_core.client.client import Client
from freak_core.errors import NotFound, Unreachable
from freak_core.phases import arrived
from freak_core.receipts import Receipt

USUAL_WAIT = 30.0

_STYLE = {"applied": "green", "valid": "green", "accepted": "yellow", "failed": "red", "rejected": "red"}

Send = Callable[..., Receipt]
"""Sends a request with an idempotency ``key``, and waits so many seconds: ``send(key=…, wait=…)``."""


def carry_out(
    client: Client,
    send: Send,
    *,
    wait: float | None,
    as_json: bool,
    at_step: int | None = None,
    at_epoch: int | None = None,
) -> Receipt:
    """Send a request, wait until it has ended, show its receipt, and return it.

    Args:
        client: reads what becomes of it.
        send: sends it; called again, with the same key, only where the answer got lost.
        wait: seconds; without it 30, or none for a request whose step and epoch have not come.
        as_json: how to show the receipt.
        at_step, at_epoch: until when the request is kept back; ``send`` says so, too.

    Raises:
        Refused: it was refused, has failed, was given up, or nobody knows.
        typer.Exit: with 5, it is not applied yet.
    """
    dated = (at_step, at_epoch) != (None, None)
    later = wait is None and dated and not arrived(client.run(), at_step, at_epoch, None)
    patience = (0.0 if later else USUAL_WAIT) if wait is None else wait
    receipt = awaited(client, send, patience)
    show_outcome(receipt, as_json=as_json, later=later)
    return receipt


def show_outcome(receipt: Receipt, *, as_json: bool, later: bool = False) -> None:
    """Show a receipt; leave with 5 where it is not settled, unless it was meant for ``later``."""
    show_receipt(receipt, as_json=as_json)
    if receipt.journal == "degraded":
        say("the journal cannot be written: nothing but the run itself knows of this", "yellow")
    if not receipt.settled:
        what_to_do = f"follow it with 'freak log', withdraw it with 'freak cancel {receipt.seq}'"
        say(what_to_do if later else f"not applied yet; {what_to_do}")
        if not later:
            raise typer.Exit(PENDING)


def awaited(client: Client, send: Send, patience: float) -> Receipt:
    """Send a request and return its receipt, at the latest after so many seconds.

    Raises:
        Refused: it was refused, has failed, was given up, or nobody knows.
    """
    send = functools.partial(send, key=secrets.token_hex(8))
    deadline = time.monotonic() + patience
    receipt = None
    try:
        receipt = _sent(client, functools.partial(send, wait=min(patience, 0.3)), deadline)
        with progress(f"accepted as #{receipt.seq}") as tell:
            while not receipt.settled and (left := deadline - time.monotonic()) > 0:
                tell(f"accepted as #{receipt.seq}; waiting up to {left:.0f} s until the program applies it")
                with contextlib.suppress(TimeoutError):
                    receipt = client.wait(receipt, min(left, 2.0))
    except KeyboardInterrupt:
        if receipt is None:
            raise GivenUp("given up; it may have been accepted: 'freak log' tells") from None
        what_to_do = f"#{receipt.seq} still waits; withdraw it with 'freak cancel {receipt.seq}'"
        raise GivenUp(f"given up; {what_to_do}", receipt=receipt.model_dump(mode="json")) from None
    return unless_failed(receipt)


def unless_failed(receipt: Receipt) -> Receipt:
    """Return a receipt that tells of no failure.

    Raises:
        Refused: what the receipt tells, where it has failed or was cancelled.
    """
    refused = receipt.refused()
    if refused is not None:
        raise refused
    return receipt


def _sent(client: Client, send: Send, deadline: float) -> Receipt:
    """Send a request until the program has answered; a busy one may take longer than its server waits."""
    while True:
        try:
            return send()
        except Unreachable:
            client.run()  # raises where there is no server either
            if time.monotonic() >= deadline:
                what_to_do = "it may still carry the request out: 'freak log' will tell"
                raise Unanswered(f"the program does not answer; {what_to_do}") from None


def show_receipt(receipt: Receipt, *, as_json: bool) -> None:
    """Print a receipt."""
    if as_json:
        show_json(receipt.model_dump(mode="json"))
        return
    where = receipt.applied
    parts: list[str] = [receipt.status if receipt.status != "valid" else "valid, nothing was changed"]
    if where is not None:
        parts += [f"at step {where.step}"] if where.step is not None else []
        parts += [f"on {where.ranks} ranks"] if where.ranks > 1 else []
    elif receipt.due and not receipt.settled:
        parts += [f"will be applied at {receipt.due}"]
    number = f"#{receipt.seq} " if receipt.seq else ""
    show(f"{number}{receipt.name or receipt.kind}: {', '.join(parts)}", _STYLE.get(receipt.status, ""))
    for change in receipt.changes:
        show(f"  {dotted(change.path)}: {compact(change.old)} → {compact(change.new)}")
    if isinstance(receipt.result, dict):
        show_facts({f"  {name}": value for name, value in _flat(receipt.result)})
    elif receipt.result is not None:
        show(f"  result: {compact(receipt.result)}")


def _flat(result: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and values, those of a dict in the result one by one."""
    for name, value in result.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


@exits
def cancel(
    receipt: Annotated[
        str,
        typer.Argument(metavar="REQUEST", autocompletion=complete_receipt, help="Its number, or its id."),
    ],
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a request that waits."""
    with connect(run) as client:
        show_receipt(client.cancel(_id_of(client, receipt)), as_json=as_json)


def _id_of(client: Client, wanted: str) -> str:
    number = wanted.removeprefix("#")
    if not number.isdecimal() or len(number) >= 16:
        return wanted
    found = [
        each for each in client.receipts(since=max(0, int(number) - 1), limit=1) if each.seq == int(number)
    ]
    if not found:
        raise NotFound(f"there is no request #{number}; 'freak log' lists them")
    return found[0].id


def revision_tag(client: Client, revision: str | None) -> str | None:
    """Return the ETag that a revision stands for: its number, or the tag itself."""
    if revision is None or not revision.isdecimal():
        return revision
    facts: dict[str, Any] = client.run()
    return f'"{facts["id"]}-{revision}"'
