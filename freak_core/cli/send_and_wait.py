"""Sends a request, waits until it is applied, and prints its receipt."""

import contextlib
import functools
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Protocol, Unpack, cast

import typer

from freak_core.cli.exit_codes import ExitCode, Interrupted, Unanswered
from freak_core.cli.options import ChangeOptions, RequestOptions
from freak_core.cli.terminal import compact, dotted, progress, say, show, show_facts, show_json
from freak_core.client.client import Client
from freak_core.errors import Unreachable
from freak_core.messages.write_options import WriteOptions
from freak_core.phases import arrived
from freak_core.receipts import Receipt

DEFAULT_WAIT = 30.0

_STYLE = {"applied": "green", "valid": "green", "accepted": "yellow", "failed": "red", "rejected": "red"}


class Send(Protocol):
    """Sends one request and returns its receipt, such as ``partial(client.set, values)``."""

    def __call__(self, **options: Unpack[WriteOptions]) -> Receipt:
        """Send the request with these options."""


def carry_out(client: Client, send: Send, *, as_json: bool, **options: Unpack[ChangeOptions]) -> Receipt:
    """Send a request, wait until it has ended, print its receipt, and return it.

    Args:
        client: the client of ``send``, to read the receipt again.
        send: sends the request; it is called again, with the same key, only if the program does not answer.
        as_json: print the receipt as JSON.
        options: those of the command line. Default for ``wait``: 30 s, or 0 if the request is scheduled.

    Raises:
        Refused: the request was refused, has failed or was cancelled; or somebody pressed Ctrl-C.
        typer.Exit: with 5, the request is not applied yet.
    """
    step, epoch, wait = options.get("at_step"), options.get("at_epoch"), options.get("wait")
    scheduled = (step, epoch) != (None, None)
    later = wait is None and scheduled and not arrived(client.run(), step, epoch, None)
    timeout = (0.0 if later else DEFAULT_WAIT) if wait is None else wait
    receipt = send_and_wait(client, send, timeout, options)
    show_outcome(receipt, as_json=as_json, later=later)
    return receipt


def show_outcome(receipt: Receipt, *, as_json: bool, later: bool = False) -> None:
    """Print a receipt; exit with 5 if its request has not ended, unless it is scheduled for ``later``."""
    show_receipt(receipt, as_json=as_json)
    if receipt.journal == "degraded":
        say("the journal cannot be written: this request is recorded in the memory of the run only", "yellow")
    if not receipt.settled:
        what_to_do = f"follow it with 'freak log', cancel it with 'freak cancel {receipt.seq}'"
        say(what_to_do if later else f"not applied yet; {what_to_do}")
        if not later:
            raise typer.Exit(ExitCode.PENDING)


def send_and_wait(client: Client, send: Send, timeout: float, options: RequestOptions) -> Receipt:
    """Send a request, wait until it has ended, at most ``timeout`` seconds, and return its receipt.

    Raises:
        Refused: as ``carry_out``.
    """
    others = {name: value for name, value in options.items() if name != "wait"}
    send = functools.partial(send, **cast(WriteOptions, {**others, "key": secrets.token_hex(8)}))
    deadline = time.monotonic() + timeout
    receipt = None
    try:
        receipt = _sent(client, functools.partial(send, wait=min(timeout, 0.3)), deadline)
        with progress(f"accepted as #{receipt.seq}") as tell:
            while not receipt.settled and (left := deadline - time.monotonic()) > 0:
                tell(f"accepted as #{receipt.seq}; waiting up to {left:.0f} s until the program applies it")
                with contextlib.suppress(TimeoutError):
                    receipt = client.wait(receipt, min(left, 2.0))
    except KeyboardInterrupt:
        if receipt is None:
            raise Interrupted("interrupted; 'freak log' shows whether the request was accepted") from None
        what_to_do = f"#{receipt.seq} stays accepted; cancel it with 'freak cancel {receipt.seq}'"
        raise Interrupted(f"interrupted; {what_to_do}", receipt=receipt.model_dump(mode="json")) from None
    return unless_failed(receipt)


def unless_failed(receipt: Receipt) -> Receipt:
    """Return a receipt.

    Raises:
        Refused: the request has failed or was cancelled.
    """
    refused = receipt.refused()
    if refused is not None:
        raise refused
    return receipt


def _sent(client: Client, send: Send, deadline: float) -> Receipt:
    """Send a request until the program answers: a busy program may take longer than its server waits."""
    while True:
        try:
            return send()
        except Unreachable:
            client.run()  # raises if the server does not answer either
            if time.monotonic() >= deadline:
                what_to_do = "it may still apply the request: 'freak log' shows whether it did"
                raise Unanswered(f"the program does not answer; {what_to_do}") from None


def show_receipt(receipt: Receipt, *, as_json: bool) -> None:
    """Print a receipt."""
    if as_json:
        show_json(receipt.model_dump(mode="json"))
        return
    where = receipt.applied
    parts: list[str] = [receipt.status if receipt.status != "valid" else "valid, nothing was changed"]
    if where is not None:
        parts += [f"at {where.place}"] if where.place else []
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


def _flat(result: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield names and values; a dict inside the result is yielded as ``name.key`` and value."""
    for name, value in result.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
