"""The predecessor: a run of this program that has failed, and that torchrun has started again as this one."""

import logging
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

logger: logging.Logger = logging.getLogger("freak")

PATIENCE = 5.0
"""Seconds that the server of a killed program may still hold its port."""


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
