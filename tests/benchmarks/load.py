"""The load: a client lean enough to saturate the server, in a process of its own.

Told ``{"url", "token", "method", "rate"}`` it sends requests over some keep-alive connections, ``rate`` a
second or, with null, each as soon as the last is answered. Told ``null`` it stops and answers how many of
each status came.
"""

import selectors
import socket
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.worker import answer, messages

CONNECTIONS = 8
NUMBERS = 1000
"""How many different values PATCH sends in turn, so that every one is a change."""


def request_bytes(address: Any, token: str, method: str, number: int) -> bytes:
    """Return a request on the state; a PATCH changes ``lr``."""
    lines = [f"{method} /state HTTP/1.1", f"Host: {address.netloc}", f"Authorization: Bearer {token}"]
    body = f'{{"lr": {1 + number}e-5}}' if method == "PATCH" else ""
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Connection:
    """One keep-alive connection, with at most one request under way."""

    def __init__(self, address: Any) -> None:
        self.socket = socket.create_connection((address.hostname, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def take(self) -> str | None:
        """Read; return the status once a whole response is here."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return None
        length = next(
            int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"
        )
        if len(body) < length:
            return None
        self._received = b""
        return head[9:12].decode()


class Load:
    """Sends requests until something arrives on standard input."""

    def __init__(self, url: str, token: str, method: str, rate: float | None) -> None:
        address = urlsplit(url)
        self._requests = [request_bytes(address, token, method, i) for i in range(NUMBERS)]
        self._rate = rate
        self._idle = [Connection(address) for _ in range(CONNECTIONS)]
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        for connection in self._idle:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._statuses: Counter[str] = Counter()
        self._sent = 0

    def run(self) -> dict[str, Any]:
        """Send until told to stop; return the seconds that took, and how often each status came."""
        started = time.perf_counter()
        while True:
            self._send(time.perf_counter() - started)
            for key, _ in self._selector.select(0.0005 if self._rate and self._idle else None):
                if key.data is None:
                    seconds = time.perf_counter() - started
                    self._close()
                    return {"seconds": seconds, "statuses": self._statuses}
                status = key.data.take()
                if status is not None:
                    self._statuses[status] += 1
                    self._idle.append(key.data)

    def _send(self, elapsed: float) -> None:
        due = int(elapsed * self._rate) if self._rate else self._sent + CONNECTIONS
        while self._idle and self._sent < due:
            self._idle.pop().socket.sendall(self._requests[self._sent % NUMBERS])
            self._sent += 1

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                key.data.socket.close()
        self._selector.close()


def main() -> None:
    for order in messages():
        if order is not None:
            answer(Load(**order).run())


if __name__ == "__main__":
    main()
