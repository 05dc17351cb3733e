"""The thread on which requests call actions, where the program applies requests as they arrive."""

import logging
import queue
import threading
from collections.abc import Callable

from freak_core.program.write_request import Entry

logger = logging.getLogger("freak")


class ActionThread:
    """Carries out one action after the other, in the order of their requests, while changes go on.

    The thread starts with the first action.

    Args:
        carry_out: calls the action and writes the receipt's end.
    """

    def __init__(self, carry_out: Callable[[Entry], object]) -> None:
        self._carry_out = carry_out
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, entry: Entry) -> None:
        """Let an action be called soon; called under the store's lock, so one at a time."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="freak-actions", daemon=True)
            self._thread.start()
        self._queue.put(entry)

    def close(self) -> None:
        """End the thread after its current action. The program does not wait for that action."""
        self._queue.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(0.1)

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            try:
                self._carry_out(entry)
            except BaseException:  # whatever an action raises, the next one is called
                logger.exception("Freak could not carry out request %s", entry.receipt_id)
