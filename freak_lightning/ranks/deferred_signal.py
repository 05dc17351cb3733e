"""A signal put off: while a block runs it is only noted, and delivered when the block is left."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class DeferredSignal:
    """Notes a signal that somebody handles, and lets their handler have it after the block.

    Lightning answers SIGTERM with a broadcast from within the signal handler. Where a rank gets it while
    rank zero waits for that rank in another collective, both would wait for each other.

    A signal that nobody handles is left alone, and so is every one outside the main thread, where Python
    runs no handlers.
    """

    def __init__(self, which: signal.Signals) -> None:
        self._which = which
        self._handler: Any = None
        self._delivered = False
        self.came = False

    def __enter__(self) -> Self:
        handler = signal.getsignal(self._which)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            self._handler = handler
            signal.signal(self._which, self._note)
        return self

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.came = True

    def deliver(self) -> None:
        """Let the handler have the signal now, whether or not it came, and drop those that follow."""
        self._delivered = True
        if self._handler is not None:
            self._handler(self._which, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._handler is not None and not self._delivered:
            signal.signal(self._which, self._handler)
            if self.came:
                os.kill(os.getpid(), self._which)
