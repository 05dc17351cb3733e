"""The server process: ``python -m freak_core.server FD PID`` serves the program PID on the socket FD.

It talks to the program over its own stdin and stdout. It exits when the program does.
"""

import contextlib
import gc
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from freak_core.errors import Unreachable
from freak_core.messages import protocol
from freak_core.messages.protocol import FromProgram, Hello, Request
from freak_core.phases import ENDED
from freak_core.runs.lost_requests import end_lost_requests
from freak_core.server.mirror.mirror import Mirror
from freak_core.server.mirror.recorder import Recorder, recording

if TYPE_CHECKING:
    from freak_core.server.http import HttpServer


class Outbox:
    """Sends requests to the program from a thread of its own: a hung program blocks no other client."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[Request] = queue.Queue(maxsize=256)
        threading.Thread(target=self._run, name="freak-outbox", daemon=True).start()

    def send(self, message: Request) -> None:
        """Queue a request.

        Raises:
            Unreachable: 503, the queue is full because the program reads no requests.
        """
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            raise Unreachable(
                "the program does not read requests at present; try again", retry_after=5
            ) from None

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                protocol.write(self._stream, protocol.encode(self._queue.get()))


def _receive(receivers: Sequence[Mirror | Recorder], message: FromProgram) -> None:
    """Store one message; the reads that come after one that cannot be stored are answered all the same."""
    for receiver in receivers:
        try:
            receiver.receive(message)
        except Exception:  # noqa: BLE001  stderr goes to the program's log
            traceback.print_exc()


def _exit_when(condition: Callable[[], bool], last: Callable[[], None] = lambda: None) -> None:
    """End this process within a second after a condition becomes true, whatever else runs here."""

    def watch() -> None:
        while not condition():
            time.sleep(0.5)
        last()
        time.sleep(0.2)  # event streams send the last events
        os._exit(0)

    threading.Thread(target=watch, name="freak-watch", daemon=True).start()


class Loss:
    """What the server does, once, when its program is gone: it tells what became of the open requests.

    Args:
        mirror: what clients are told from.
        program: the process id of the program.
    """

    def __init__(self, mirror: Mirror, program: int) -> None:
        self._mirror = mirror
        self._program = program
        self._lock = threading.Lock()

    @property
    def certain(self) -> bool:
        """Whether the program has ended: this process is another one's child."""
        return os.getppid() != self._program

    def tell(self) -> None:
        """Tell what became of the open requests: in the journal, and to whoever waits for them."""
        with self._lock:
            if not self._mirror.ended:
                self._mirror.lose(self._ends())

    def _ends(self) -> dict[str, protocol.Data] | None:
        run = self._mirror.run
        if run.get("phase") in ENDED:
            return None  # the program has told it
        deadline = time.monotonic() + 0.3  # the kernel closes the program's pipes before it has ended
        while not self.certain and time.monotonic() < deadline:
            time.sleep(0.01)
        if not self.certain:
            return None
        try:
            return end_lost_requests(Path(run["journal_path"]), self._mirror.boot)
        except (OSError, KeyError):  # there is no journal that can be read
            return {}


def main() -> None:
    """Serve until the program closes this process's stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(0.0005)  # a heavy read gives way to other requests ten times as soon as by default
    stdout = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not reach the program as a message
    mirror = Mirror(Outbox(cast(BinaryIO, stdout)).send)
    loss = Loss(mirror, int(sys.argv[2]))
    receivers: list[Mirror | Recorder] = [mirror]

    def lose() -> None:
        loss.tell()
        for receiver in receivers:
            if isinstance(receiver, Recorder):
                receiver.close(1.5)

    # A child of the program may hold the other end of stdin open: then no end-of-file comes.
    _exit_when(lambda: loss.certain, lose)
    stdout.write(b"\n")  # ends a line that an import may have begun
    messages = protocol.read(cast(BinaryIO, sys.stdin.buffer))
    hello = next(messages, None)
    if hello is None or hello["type"] != "hello":
        return
    mirror.receive(hello)
    recorder = recording(mirror, hello)
    receivers += [recorder] if recorder else []
    # In a thread: what a program does in its first second is recorded, too, even if it ends in it.
    servers: list[HttpServer] = []
    threading.Thread(target=_serve, args=(mirror, hello, servers), name="freak-start", daemon=True).start()
    for message in messages:
        _receive(receivers, message)
    lose()
    if servers:
        _finish(servers[0])
    os._exit(0)


def _finish(server: "HttpServer") -> None:
    """Answer who is connected, send event streams the last events, and end."""
    time.sleep(0.02)  # whoever has just connected is accepted
    if server.connected:
        time.sleep(0.1)
        server.stop(1.0)


def _serve(mirror: Mirror, hello: Hello, servers: "list[HttpServer]") -> None:
    """Start the HTTP server and put it into ``servers``; if it ends, so does this process."""
    try:
        # Here, since this takes most of the time that a server needs to start.
        from freak_core.server.app import create_app
        from freak_core.server.http import HttpServer

        listener = socket.socket(fileno=int(sys.argv[1]))
        server = HttpServer(create_app(mirror, hello), listener, hello["log_level"], hello["certificate"])
        gc.freeze()  # what was imported stays: looking through it again and again keeps requests waiting
        server.start()
        servers.append(server)
    except BaseException:  # noqa: BLE001  stderr goes to the program's log
        traceback.print_exc()
        os._exit(1)
    _exit_when(lambda: not server.alive)


if __name__ == "__main__":
    main()
