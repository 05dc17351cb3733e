"""The options of a write: what a client may say besides its values, from the query string to the program."""

from typing import Final, TypedDict


class WriteOptions(TypedDict, total=False):
    """The options of a write; each may be left out.

    Attributes:
        wait: seconds to wait, at most 60, until the request has ended; the receipt's status tells.
        note: the reason, for whoever reads the journal.
        if_match: refuse the request if the state has changed since this revision: its ETag or its number.
        dry_run: only validate; nothing is changed.
        key: the Idempotency-Key: a request that is sent again with it returns the receipt of the first one.
        at_step: hold the request back until the program has done this many steps.
        at_epoch: hold the request back until the program is in this epoch.
    """

    wait: float
    note: str | None
    if_match: str | int | None
    dry_run: bool
    key: str | None
    at_step: int | None
    at_epoch: int | None


HEADERS: Final = {"note": "Freak-Note", "if_match": "If-Match", "key": "Idempotency-Key"}
"""The options that have an HTTP header; all others are query parameters of the same name."""

QUERY: Final = tuple(name for name in WriteOptions.__annotations__ if name not in ("if_match", "key"))
"""The options that a query may hold: ``note`` may come either way."""
