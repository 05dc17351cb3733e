"""The request that a thread works for, and what waits until the request has its receipt."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from freak_core.receipts import Receipt


class RequestContext(threading.local):
    """What this thread does for a request right now. Each thread has its own."""

    def __init__(self) -> None:
        self.receipt: Receipt | None = None
        """The receipt of the request for which the program's code is being called."""
        self._depth = 0
        self._put_off: list[Callable[[], None]] = []

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Work for a request; at the end, do what was put off."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                put_off, self._put_off = self._put_off, []
                for function in put_off:
                    function()

    @contextmanager
    def calling(self, receipt: Receipt | None) -> Iterator[None]:
        """Call the program's code for the request that has this receipt."""
        before, self.receipt = self.receipt, receipt
        try:
            yield
        finally:
            self.receipt = before

    def put_off(self, function: Callable[[], None]) -> bool:
        """Call ``function`` once this thread has answered its request; False if it works for none."""
        if self._depth:
            self._put_off.append(function)
        return bool(self._depth)
