"""The predecessor: a run of this program that has failed, and that torchrun has started again as this one.

Also the runs that this process has had before at the same address: a page of one goes on to this one.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from freak_core.errors import PortTaken
from freak_core.program.listener import bind, bind_socket
from freak_core.program.store import Store
from freak_core.receipts import Receipt
from freak_core.runs.lost_requests import end_lost_requests, is_lost
from freak_core.runs.restart import left_behind
from freak_core.runs.run_file import Run

logger: logging.Logger = logging.getLogger("freak")

PATIENCE = 5.0
"""Seconds that the server of a killed program may still hold its port."""

MOST_BEFORE = 100
"""Runs of this process whose tokens are remembered."""

_before: list[Run] = []
os.register_at_fork(after_in_child=_before.clear)


def remember(run: Run) -> None:
    """Remember a run of this process that has ended, for a page that is still open."""
    _before.append(run)
    del _before[:-MOST_BEFORE]


def former_tokens(port: int | None) -> list[tuple[str, str]]:
    """Return the tokens of the runs that this process has had before at a port: both of each run."""
    found = (run for run in _before if port is not None and urlsplit(run.url).port == port)
    return [(run.token, run.read_token) for run in found if run.read_token]


class Predecessor:
    """What this run takes over from the one before, if torchrun has started the program again.

    Args:
        name: the name of this run.
    """

    def __init__(self, name: str) -> None:
        self._left = left_behind(name)

    def tokens(self, asked_for: str | None, token: str, read_token: str) -> tuple[str, str]:
        """Return the tokens: the one that the user asked for, else the predecessor's, else those given."""
        left = self._left
        if left is None:
            return token, read_token
        return token if asked_for else left.token, left.read_token or read_token

    def listen(self, uds: Path | None, host: str, port: int | None) -> socket.socket:
        """Return a socket where the predecessor listened, or else where the arguments say.

        Raises:
            PortTaken, ConfigurationError: as ``bind`` and ``bind_socket``.
        """
        before = None if self._left is None else urlsplit(self._left.url).port
        if uds is not None:
            there = partial(bind_socket, uds)
            return there() if self._left is None else _patiently(there)
        if before is not None:
            try:
                return _patiently(partial(bind, host, before))
            except PortTaken as taken:
                logger.warning("the run that torchrun has started again has another address now: %s", taken)
        return bind(host, port)

    def hand_over(self, store: Store) -> None:
        """Give the lost requests of the predecessor a receipt in this run, too; then forget it."""
        left = self._left
        if left is None:
            return
        try:
            lines = end_lost_requests(Path(left.journal), left.id) if left.journal else {}
            for receipt in (Receipt.model_validate(line) for line in lines.values() if is_lost(line)):
                store.tell(receipt)
        except (OSError, ValueError) as error:
            logger.warning("the journal of the run before the restart cannot be read: %s", error)
        left.forget()


def _patiently(listen: Callable[[], socket.socket]) -> socket.socket:
    """Listen as soon as the server of the predecessor has let go."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return listen()
        except PortTaken:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
