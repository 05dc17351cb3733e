"""Limits for connections: how many, and how long a request may take to arrive. They need no token."""

import asyncio
import resource
import socket
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN = 10.0
"""Seconds until a request must be complete, body included, since the connection or its last request."""


def most_connections() -> int:
    """Return the most connections at a time: half of the files that may be open. Answers open files, too."""
    return min(1000, _most_files() // 2)


def _most_files() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit


class SparingListener(socket.socket):
    """A listening socket that closes new connections before this process runs out of files.

    ``asyncio`` accepts every waiting connection before it serves the first; without a free file it fails.
    """

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection; close it at once if three quarters of the files that may be open are."""
        connection, address = super().accept()
        if connection.fileno() >= _most_files() * 3 // 4:
            connection.close()
            raise ConnectionAbortedError
        return connection, address


class ImpatientProtocol(H11Protocol):
    """HTTP that closes a connection whose request does not arrive in time.

    With too many connections, a new one closes the one that has been idle for longest.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; with too many connections, close the one that has been idle for longest."""
        super().connection_made(transport)
        self._since = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None
        self._watch()
        opened = [each for each in self.connections if isinstance(each, ImpatientProtocol) and each.is_open]
        idle = [each for each in opened if each.idle]
        if len(opened) > most_connections() and idle:
            min(idle, key=lambda each: each._since).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a request."""
        super().connection_lost(exc)
        self._stop_waiting()

    @property
    def is_open(self) -> bool:
        """True while the connection is open."""
        return not self.transport.is_closing()

    @property
    def idle(self) -> bool:
        """True if no complete request waits for its answer."""
        return self._incomplete or self.cycle is None or self.cycle.response_complete

    @property
    def _incomplete(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _watch(self) -> None:
        if not self._incomplete:
            self._since = time.monotonic()
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_WITHIN, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
