"""A tunnel between browser and server, as ``ssh -L`` makes one, which may fall silent as those do."""

import contextlib
import socket
import threading
from contextlib import ExitStack
from typing import Self

import httpx


class Tunnel:
    """Forwards a port of its own, ``port``, to another while it is entered."""

    def __init__(self, port: int) -> None:
        self._far_port = port
        self._closing = ExitStack()
        self._listener = self._closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._silence = threading.Event()
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._forward, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._closing.close()

    def through(self, link: str) -> str:
        """Return a link that leads through here."""
        return str(httpx.URL(link).copy_with(port=self.port))

    def fall_silent(self) -> None:
        """Take connections still, and let nothing pass any more."""
        self._silence.set()

    def work_again(self) -> None:
        """Let new connections through; those from before stay silent, as those of a lost network do."""
        self._silence = threading.Event()

    def _forward(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._closing.enter_context(self._listener.accept()[0])
                far = self._closing.enter_context(socket.create_connection(("127.0.0.1", self._far_port)))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(*ends, self._silence), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, silence: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if not silence.is_set():
                sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
