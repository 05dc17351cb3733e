"""A deferred signal: while a block runs it is only noted; its handler is called when the block is left."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred(which: signal.Signals) -> Iterator[list[int]]:
    """Note a signal in the list while the block runs; call its handler afterwards if the list is not empty.

    Lightning answers SIGTERM with a broadcast inside its signal handler. If a rank gets it while rank zero
    waits for that rank in another collective, both wait for each other. A second broadcast, of a rank that
    gets the signal later, would find no partner: once the handler was called, later signals are only noted.

    A signal without a handler is left alone, and so is every signal outside the main thread, where Python
    runs no handlers.
    """
    noted: list[int] = []
    handler = signal.getsignal(which)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(signum: int, _: object) -> None:
        noted.append(signum)

    signal.signal(which, note)
    try:
        yield noted
    finally:
        if noted:  # `note` stays: the handler is called once, whatever comes meanwhile or later
            handler(which, None)
        else:
            signal.signal(which, handler)
            if noted:  # it came just before the line above
                signal.signal(which, note)
                handler(which, None)
