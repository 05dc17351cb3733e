"""Connections: how many there may be and how long one may take to ask. Who opens one may have no token."""

import asyncio
import resource
import socket
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN = 10.0
"""Seconds for a request to be complete, its body included, from the connection or its first byte on."""


def most_connections() -> int:
    """Return how many connections there may be; far fewer than files, which answering takes, too."""
    return min(1000, _most_files() // 2)


def _most_files() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit


class SparingListener(socket.socket):
    """A listening socket that hangs up on a crowd before files run out.

    ``asyncio`` accepts as many as wait before it looks at the first, and has no way out once no file is left.
    """

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection, unless its number says that few files are left."""
        connection, address = super().accept()
        if connection.fileno() >= _most_files() * 3 // 4:
            connection.close()
            raise ConnectionAbortedError
        return connection, address


class ImpatientProtocol(H11Protocol):
    """HTTP that hangs up on who does not finish a request, and makes room for who comes new.

    Where there are too many connections, the one goes that has asked nothing for longest.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; hang up on another connection where there are too many."""
        super().connection_made(transport)
        self._since = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None
        self._watch()
        there = [each for each in self.connections if isinstance(each, ImpatientProtocol) and each.there]
        idle = [each for each in there if each.idle]
        if len(there) > most_connections() and idle:
            min(idle, key=lambda each: each._since).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._stop_waiting()

    @property
    def there(self) -> bool:
        """Whether the connection is open."""
        return not self.transport.is_closing()

    @property
    def idle(self) -> bool:
        """Whether there is no whole request that waits for its answer."""
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
