"""``freak cancel``: cancels a request that is not applied yet."""

from typing import Annotated

import typer

from freak_core.cli.completion import complete_receipt
from freak_core.cli.connect import connect
from freak_core.cli.options import JsonOption, RunOption
from freak_core.cli.send_and_wait import show_receipt
from freak_core.client.client import Client
from freak_core.errors import NotFound

RequestArgument = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST", autocompletion=complete_receipt, help="Its number, such as 3 or '#3', or its id."
    ),
]


def cancel(receipt: RequestArgument, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Cancel a request that is accepted and not applied yet."""
    with connect(run) as client:
        show_receipt(client.cancel(_id_of(client, receipt)), as_json=as_json)


def _id_of(client: Client, wanted: str) -> str:
    """Return the id of a request that is given by its number or its id."""
    number = wanted.removeprefix("#")
    if not number.isdecimal() or len(number) >= 16:
        return wanted
    seq = int(number)
    found = [each.id for each in client.receipts(since=max(0, seq - 1), limit=1) if each.seq == seq]
    if not found:
        raise NotFound(f"there is no request #{number}; 'freak log' lists the requests")
    return found[0]
