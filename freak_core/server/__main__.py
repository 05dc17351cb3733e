"""The server process: ``python -m freak_core.server FD PID``, to serve on the socket FD for the program PID.

Its stdin and stdout are the link to the program. It leaves when the program does.
"""

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, cast

from freak_core import protocol
from freak_core.errors import Unreachable
from freak_core.protocol import Request
from freak_core.server.app import create_app
from freak_core.server.http import HttpServer
from freak_core.server.mirror.mirror import Mirror


class Outbox:
    """Requests on their way to the program, written by a thread so that a hung program blocks nobody."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[Request] = queue.Queue(maxsize=256)
        threading.Thread(target=self._run, name="freak-outbox", daemon=True).start()

    def send(self, message: Request) -> None:
        """Queue a request.

        Raises:
            Unreachable: 503, the program takes none any more.
        """
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            raise Unreachable("the program does not take requests at present", retry_after=5) from None

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                protocol.write(self._stream, protocol.encode(self._queue.get()))


def _leave_when(condition: Callable[[], bool]) -> None:
    """Leave, whatever else goes on here, soon after a condition becomes true."""

    def watch() -> None:
        while not condition():
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, name="freak-watch", daemon=True).start()


def main() -> None:
    """Serve until the program closes our stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = int(sys.argv[2])
    # Where a child of the program still holds our stdin open, there is no end-of-file.
    _leave_when(lambda: os.getppid() != program)
    stdout = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a stray print must not end up in the link
    stdout.write(b"\n")  # ends what an import has printed already
    messages = protocol.read(cast(BinaryIO, sys.stdin.buffer))
    hello = next(messages, None)
    if hello is None or hello["type"] != "hello":
        return
    mirror = Mirror(Outbox(cast(BinaryIO, stdout)).send)
    mirror.receive(hello)
    listener = socket.socket(fileno=int(sys.argv[1]))
    server = HttpServer(create_app(mirror, hello), listener, hello["log_level"])
    server.start()
    _leave_when(lambda: not server.alive)  # HTTP has broken down: the program starts a new server
    for message in messages:
        mirror.receive(message)
    mirror.end()
    time.sleep(0.1)  # streams see the end and say goodbye
    server.stop(1.0)
    os._exit(0)


if __name__ == "__main__":
    main()
