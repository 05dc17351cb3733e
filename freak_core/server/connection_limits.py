"""Limits for connections: how many, and how long a request may take to arrive. They need no token."""

import asyncio
import itertools
import socket
import struct
import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from freak_core.server.connection_shares import Who, most_connections, most_files, places_of

REQUEST_WITHIN = 10.0
"""Seconds until a request must be complete, body included, since the connection or its last request."""


WRITE_WITHIN = 10.0
"""Seconds that a client may take to read what the server has sent, before the next part is sent."""

NEW = 1.0
"""Seconds in which a connection counts as new."""

ACCEPT_AT_ONCE = 64
"""Connections that are accepted before one is served. ``asyncio`` calls this the backlog."""


class SparingListener(socket.socket):
    """A listening socket that closes new connections before this process runs out of files.

    ``asyncio`` accepts many waiting connections before it serves the first; without a free file it fails.
    """

    def listen(self, backlog: int = 0, /) -> None:
        """Let many connections wait to be accepted, however few ``asyncio`` accepts at once."""
        super().listen(max(backlog, 2048))

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection; close it at once if three quarters of the files that may be open are."""
        connection, address = super().accept()
        if connection.fileno() >= most_files() * 3 // 4:
            connection.close()
            raise ConnectionAbortedError
        return connection, address


class ImpatientProtocol(H11Protocol):
    """HTTP that closes a connection whose request does not arrive in time, or whose answers nobody reads.

    Each token has its own places among the connections, and so has who has sent none yet. If all of them are
    taken, a new connection closes an old one of the same token: one that is idle, if there is one.

    Attributes:
        who: whose token came with the last request; None before the first.
    """

    who: Who | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}  # requests find it in their state
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._watch()
        self._make_place()

    def belongs_to(self, who: Who) -> None:
        """Note whose token came with a request: the connection takes one of the places of that token."""
        if self.who != who and self.is_open:
            self._let_go()
            self.who = who
            self._make_place()

    def _hold(self) -> None:
        """Count as a connection of its token, the newest of them."""
        held = _HELD.setdefault(self.server_state, {}).setdefault(self.who, {})
        held.pop(self, None)
        held[self] = None
        self._since = time.monotonic()

    def _let_go(self) -> None:
        _HELD.get(self.server_state, {}).get(self.who, {}).pop(self, None)

    def _make_place(self) -> None:
        """Close connections of the same token if there are too many."""
        self._hold()
        held = _HELD[self.server_state][self.who]
        while len(held) > places_of(self.who, most_connections()):
            closed = self._least_missed([each for each in held if each is not self])
            closed._let_go()
            closed.transport.abort()

    @staticmethod
    def _least_missed(oldest_first: Sequence["ImpatientProtocol"]) -> "ImpatientProtocol":
        """Return the oldest idle connection, or of others that of a client that only reads.

        A connection that is new is not idle: its request may be on the way.
        """
        new = time.monotonic() - NEW
        idle = (each for each in oldest_first if each.idle and each._since < new)
        unread = (each for each in oldest_first if each._unread is not None)
        reading = (each for each in oldest_first if not each.idle and each.scope["method"] in ("GET", "HEAD"))
        return next(itertools.chain(idle, unread, reading, oldest_first))

    def pause_writing(self) -> None:
        """Wait until the client has read enough to send more; close the connection if it does not."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(WRITE_WITHIN, self._hang_up)

    def _hang_up(self) -> None:
        """Close the connection and forget what is unread: else the system would keep it for minutes."""
        unread = self.transport.get_extra_info("socket")
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def resume_writing(self) -> None:
        """Send more."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        """Read a part of a request. Of requests that are sent without waiting, the first one is answered."""
        super().data_received(data)
        if self.cycle is not None and not self.idle and self.conn.trailing_data[0]:
            self.cycle.keep_alive = False  # closes the connection after the answer
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a request."""
        super().connection_lost(exc)
        self._let_go()
        self._stop_waiting()
        if self._unread is not None:
            self._unread.cancel()

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
            if self.is_open:
                self._hold()
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_WITHIN, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


_HELD: WeakKeyDictionary[ServerState, dict[Who | None, dict[ImpatientProtocol, None]]] = WeakKeyDictionary()
"""The open connections of each server, by whose token they have; those of the newest requests come last."""
