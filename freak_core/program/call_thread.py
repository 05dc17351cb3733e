"""Threads on which the program's functions are called, where the program applies requests as they arrive."""

import functools
import logging
import queue
import threading
from collections.abc import Callable

from freak_core.program.event_log import Feed
from freak_core.program.request_context import RequestContext
from freak_core.program.store import Store

logger: logging.Logger = logging.getLogger("freak")


ON_CHANGE_PATIENCE = 0.5
"""Seconds that a request waits for the ``on_change`` functions; one that sends requests needs its thread."""

SENT_WITHIN = 0.5
"""Seconds that an ``on_change`` function waits until its change is sent to the server; a disk may hang."""


class CallThread:
    """Calls one function after the other while requests are answered. The thread starts with the first call.

    Args:
        name: the name of the thread.
        context: what threads do for requests.
    """

    def __init__(self, name: str, context: RequestContext) -> None:
        self._name = name
        self._context = context
        self._queue: queue.SimpleQueue[tuple[Callable[[], object], threading.Event] | None] = (
            queue.SimpleQueue()
        )
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[], object], *, patience: float = 0.0) -> None:
        """Let ``function`` be called soon, and wait up to ``patience`` seconds until it has returned.

        A function that sends a request of its own needs the thread that waits here.
        """
        returned = threading.Event()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._queue.put((function, returned))
        if patience and self._thread is not threading.current_thread():
            returned.wait(patience)

    def close(self) -> None:
        """End the thread after its current call. The program does not wait for that call."""
        self._queue.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(0.1)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            function, returned = job
            try:
                with self._context.answering():
                    try:
                        function()
                    finally:
                        returned.set()
            except BaseException:  # whatever it raises, the next one is called
                logger.exception("Freak could not call a function of the program")


def call_threads(store: Store, feed: Feed) -> list[CallThread]:
    """Return the threads for the actions and the ``on_change`` functions of a store.

    With ``apply="sync"`` the program calls them itself.
    """

    def tell(function: Callable[[], object]) -> None:
        feed.flush(SENT_WITHIN, measured=False)  # a function may read its change from the server
        function()

    threads = [CallThread(name, store.context) for name in ("freak-actions", "freak-on-change")]
    if store.apply_when == "now":
        store.on_pending = lambda entry: threads[0].call(functools.partial(store.carry_out, entry))
        store.on_told = lambda function: threads[1].call(
            functools.partial(tell, function), patience=ON_CHANGE_PATIENCE
        )
    return threads
