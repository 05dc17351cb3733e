"""How a client reaches a server: over TCP or a Unix socket, by waiting or by awaiting.

Both speak ``async``. The one that waits never gives control away, so ``completed`` runs it to its end without
an event loop: it works in plain code as well as where a loop is already running, as in a notebook.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse, connect_sse

from freak_core.addresses import link
from freak_core.client.requests import Call, refusal_of
from freak_core.errors import ConfigurationError

Result = TypeVar("Result")
EVENTS_TIMEOUT = httpx.Timeout(15.0, read=60.0)
"""A stream where nothing happens has a comment every 15 seconds."""


@dataclass(frozen=True)
class Address:
    """Where a server is, and the token that it wants."""

    url: str
    token: str
    base_url: str
    socket: str | None = None

    @classmethod
    def parse(cls, url: str, token: str | None) -> "Address":
        """Read ``http://host:port/prefix#token=…``, ``host:port`` or ``unix:///path/to/socket``.

        A prefix comes after a colon, in the case of a socket: ``unix:///path/to/socket:/prefix``.

        Raises:
            ConfigurationError: it is no URL.
        """
        address, _, fragment = (url if "://" in url else f"http://{url}").partition("#token=")
        address = address.rstrip("/")
        token = (token or fragment or os.environ.get("FREAK_TOKEN", "")).strip()
        if address.startswith("unix://"):
            path, _, prefix = address.removeprefix("unix://").partition(":")
            return cls(address, token, f"http://localhost{prefix}/", path)
        try:
            parsed = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{address!r} is no URL: {error}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigurationError(f"{address!r} is no URL of a server: http://host:port or unix:///path")
        return cls(address, token, f"{address}/")

    @property
    def link(self) -> str:
        """The link with the token."""
        return link(self.url, self.token)

    def options(self, timeout: float) -> dict[str, Any]:
        """Return what an HTTP client of httpx is made with."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"base_url": self.base_url, "headers": headers, "timeout": timeout, "trust_env": False}


class Connection(Protocol):
    """What a conversation needs."""

    address: Address

    async def send(self, call: Call[Any], timeout: float) -> httpx.Response:
        """Send a request and return the answer; raises ``httpx.HTTPError``."""

    def events(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of one connection; raises ``httpx.HTTPError`` and ``Refused``."""

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while."""

    async def close(self) -> None:
        """Close the connection."""


class Blocking:
    """A connection that waits."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        transport = httpx.HTTPTransport(uds=address.socket) if address.socket else None
        self._http = httpx.Client(transport=transport, **address.options(timeout))

    async def send(self, call: Call[Any], timeout: float) -> httpx.Response:
        """Send a request and return the answer."""
        return self._http.request(**_parts(call), timeout=timeout)

    async def events(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of one connection."""
        options = {"params": params, "headers": dict(headers), "timeout": EVENTS_TIMEOUT}
        with connect_sse(self._http, "GET", "events", **options) as source:
            if not source.response.is_success:
                source.response.read()
                raise refusal_of(source.response)
            for event in source.iter_sse():
                yield event

    @staticmethod
    async def pause(seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    async def close(self) -> None:
        """Close the connection."""
        self._http.close()


class Awaiting:
    """A connection that awaits."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        transport = httpx.AsyncHTTPTransport(uds=address.socket) if address.socket else None
        self._http = httpx.AsyncClient(transport=transport, **address.options(timeout))

    async def send(self, call: Call[Any], timeout: float) -> httpx.Response:
        """Send a request and return the answer."""
        return await self._http.request(**_parts(call), timeout=timeout)

    async def events(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of one connection."""
        options = {"params": params, "headers": dict(headers), "timeout": EVENTS_TIMEOUT}
        async with aconnect_sse(self._http, "GET", "events", **options) as source:
            if not source.response.is_success:
                await source.response.aread()
                raise refusal_of(source.response)
            async for event in source.aiter_sse():
                yield event

    @staticmethod
    async def pause(seconds: float) -> None:
        """Let others run for a while."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def completed(awaitable: Awaitable[Result]) -> Result:
    """Return what a ``Blocking`` conversation comes to; it ends without ever giving control away."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    raise RuntimeError("a blocking connection must not await anything")


def _parts(call: Call[Any]) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": call.route,
        "params": dict(call.params),
        "headers": dict(call.headers),
        "content": call.content,
    }
