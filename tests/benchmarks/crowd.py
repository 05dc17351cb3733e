"""The crowd: clients that take every place that a server gives them, in a process of its own.

Told ``{"url", "token", "read_token", "id"}`` it besieges that run until it is told ``null``. Then it answers
how many requests of each kind were served, turned away, or hung up on. A client that is turned away comes
back after ``PAUSE`` seconds.
"""

import asyncio
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.benchmarks.worker import answer, messages

PAUSE = 1.0
LONGEST = 600.0
"""Seconds after which the crowd goes by itself."""

Who = Literal["owner", "reader", "stranger"]
WHO: tuple[Who, ...] = ("owner", "reader", "stranger")
NUMBERS = {
    "long polls": 500,
    "streams": 300,
    "heavy readers": 8,
    "greedy writers": 2,
    "unread pipelines": 250,
}
HEAVY = ("/series?max_points=100000", "/state", "/events", "/metrics")


class Crowd:
    """Clients of every kind; every third one has the token, the read-only token, or none."""

    def __init__(self, url: str, token: str, read_token: str, id: str) -> None:  # noqa: A002
        self._address = urlsplit(url)
        self._tokens = {"owner": token, "reader": read_token, "stranger": None}
        self._id = id
        self._until = time.monotonic() + LONGEST
        self.counted: Counter[str] = Counter()

    def clients(self) -> list[Any]:
        """Return a coroutine for each client."""
        every_third: Callable[[str], list[Who]] = lambda kind: [WHO[n % 3] for n in range(NUMBERS[kind])]  # noqa: E731
        polls = [
            self._ask("long polls", self._request(who, "/run?wait=60&step=999999999"))
            for who in every_third("long polls")
        ]
        streams = [self._ask("streams", self._request(who, "/events")) for who in every_third("streams")]
        heavy = [
            self._ask(
                "heavy readers", self._request(WHO[n % 2], HEAVY[n // 2], f"Last-Event-ID: {self._id}-0")
            )
            for n in range(NUMBERS["heavy readers"])
        ]
        writers = [
            self._ask("greedy writers", *(self._write(n, value) for value in range(100)), pause=0.0)
            for n in range(NUMBERS["greedy writers"])
        ]
        unread = [self._never_read(self._request(who, "/state")) for who in every_third("unread pipelines")]
        return [*polls, *streams, *heavy, *writers, *unread]

    def _request(self, who: Who, route: str, *headers: str, method: str = "GET", body: str = "") -> bytes:
        token = self._tokens[who]
        given = [f"Authorization: Bearer {token}"] if token else []
        lines = [f"{method} {route} HTTP/1.1", f"Host: {self._address.netloc}", *given, *headers]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def _write(self, client: int, value: int) -> bytes:
        body = f'{{"lr": {1 + client + value}e-5}}'
        headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        return self._request("owner", "/state", *headers, method="PATCH", body=body)

    async def _ask(self, kind: str, *requests: bytes, pause: float = PAUSE) -> None:
        """Send requests in a loop, one after the other, and read the answers."""
        number = 0
        while time.monotonic() < self._until:
            try:
                reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
            except OSError:
                self.counted[f"{kind}: not connected"] += 1
                await asyncio.sleep(PAUSE)
                continue
            try:
                while time.monotonic() < self._until:
                    writer.write(requests[number % len(requests)])
                    number += 1
                    status = await self._answered(kind, reader)
                    if status >= 400:
                        await asyncio.sleep(pause)
            except (OSError, asyncio.IncompleteReadError):
                self.counted[f"{kind}: hung up on"] += 1
            finally:
                writer.close()
            await asyncio.sleep(PAUSE)

    async def _answered(self, kind: str, reader: asyncio.StreamReader) -> int:
        """Read an answer to its end."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        self.counted[f"{kind}: {status}"] += 1
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        left = int(length) if length else sys.maxsize
        while left and (data := await reader.read(min(left, 1 << 18))):
            left -= len(data)
        if left:
            raise ConnectionResetError
        return status

    async def _never_read(self, request: bytes) -> None:
        """Send the same request as often as the server takes it, and read no answer."""
        loop = asyncio.get_running_loop()
        while time.monotonic() < self._until:
            connection = socket.socket()
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, (self._address.hostname, self._address.port))
                self.counted["unread pipelines: connected"] += 1
                while time.monotonic() < self._until:
                    await loop.sock_sendall(connection, request * 50)
                    await asyncio.sleep(0.01)
            except OSError:
                self.counted["unread pipelines: hung up on"] += 1
            finally:
                connection.close()
            await asyncio.sleep(PAUSE)


async def besiege(order: dict[str, Any]) -> dict[str, int]:
    """Be a crowd until told to leave."""
    crowd = Crowd(**order)
    tasks = [asyncio.create_task(client) for client in crowd.clients()]
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [each for each in ended if isinstance(each, Exception)]
    if failed:
        raise failed[0]
    return crowd.counted


def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for order in messages():
        answer(asyncio.run(besiege(order)))


if __name__ == "__main__":
    main()
