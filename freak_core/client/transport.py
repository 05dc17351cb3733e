"""How a client reaches a server: over TCP or a Unix socket, blocking or with asyncio.

Both connections have ``async`` methods. Those of the blocking one never await anything, so that ``completed``
can run them to the end without an event loop, even where one is already running, as in a notebook.
"""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse, connect_sse

from freak_core.addresses import link, token_in
from freak_core.client.folder import FolderTransport
from freak_core.client.requests import Call, refusal_of
from freak_core.errors import ConfigurationError
from freak_core.reach.forwarding import Endpoint, Forwarding
from freak_core.runs.listening import ListenerCheck
from freak_core.runs.run_file import Run
from freak_core.runs.stored_runs import BROKEN, open_run
from freak_core.token_file import token_of_environment

Result = TypeVar("Result")
CertificateFile: TypeAlias = "str | os.PathLike[str] | None"
EVENTS_TIMEOUT = httpx.Timeout(15.0, read=60.0)
"""The server sends a comment every 15 seconds while nothing happens."""


@dataclass(frozen=True)
class Address:
    """The address of a server, and the token for it."""

    url: str
    token: str = field(repr=False)
    base_url: str
    socket: str | None = None
    folder: Path | None = None

    @classmethod
    def parse(cls, url: str, token: str | None) -> "Address":
        """Read ``http://host:port/prefix#token=…``, ``host:port`` or ``unix:///path/to/socket``.

        The prefix of a Unix socket follows a colon: ``unix:///path/to/socket:/prefix``. A run that has ended
        has the address of its folder, ``file:///path/to/folder``.

        Raises:
            ConfigurationError: ``url`` is not a valid URL, or ``FREAK_TOKEN_FILE`` cannot be read.
        """
        address, fragment = token_in(url if "://" in url else f"http://{url}")
        address = address.rstrip("/")
        token = (token or fragment or token_of_environment() or "").strip()
        if address.startswith("unix://"):
            path, _, prefix = address.removeprefix("unix://").partition(":")
            return cls(address, token, f"http://localhost{prefix}/", path)
        if address.startswith("file://"):
            folder = Path(unquote(urlsplit(address).path))
            return cls(address, "", "http://ended/", folder=folder)
        try:
            parsed = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{address!r} is not a URL: {error}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            wanted = "http://host:port or unix:///path/to/socket"
            raise ConfigurationError(f"{address!r} is not a URL of a server; write {wanted}")
        return cls(address, token, f"{address}/")

    def through(self, endpoint: Endpoint) -> "Address":
        """Return the same address, reached through an endpoint of this machine."""
        return replace(self, base_url=f"{endpoint.url.rstrip('/')}/", socket=endpoint.socket)

    @property
    def link(self) -> str:
        """The link with the token."""
        return link(self.url, self.token)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def verification(address: Address, ssl_ca_certs: CertificateFile) -> ssl.SSLContext | bool:
    """Return how the certificate of a server is verified: with the system's, and with those of a file.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if not address.base_url.startswith("https:"):
        return False  # nothing to verify; loading certificates takes long
    try:
        context = ssl.create_default_context()
        if ssl_ca_certs is not None:
            context.load_verify_locations(ssl_ca_certs)
    except OSError as error:
        raise ConfigurationError(f"cannot use the certificates in {str(ssl_ca_certs)!r}: {error}") from error
    return context


def _folder(address: Address) -> FolderTransport | None:
    """Return what answers for a run that has ended.

    Raises:
        ConfigurationError: the folder is not the folder of a run, or it is broken.
    """
    if address.folder is None:
        return None
    run = open_run(address.folder)
    if run is None or run.phase == BROKEN:
        why = f": {run.unreadable}" if run else ""
        raise ConfigurationError(f"{address.folder} is not the folder of a run{why}")
    return FolderTransport(run)


class Connection(Protocol):
    """A connection to one server, blocking or with asyncio.

    ``check`` is called before each new connection, so that no token goes to whoever took the port.
    """

    address: Address
    check: ListenerCheck

    async def send(self, call: Call[object], timeout: float) -> httpx.Response:
        """Send a request and return the response; raises ``httpx.HTTPError``."""

    def events(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of one connection; raises ``httpx.HTTPError`` and ``Refused``."""

    async def reach(self, run: Run, forwarding: Forwarding, *, shared: bool = False) -> None:
        """Connect to a run that may be on another machine; raises ``Unreachable``.

        Unless it is shared, ``forwarding`` is closed with the connection.
        """

    async def pause(self, seconds: float) -> None:
        """Wait."""

    async def close(self) -> None:
        """Close the connection."""


class BlockingConnection:
    """A connection that blocks the thread."""

    def __init__(self, address: Address, timeout: float, ssl_ca_certs: CertificateFile = None) -> None:
        self.address = address
        self.check: ListenerCheck = ListenerCheck(address.url)
        self._timeout = timeout
        self._verify = verification(address, ssl_ca_certs)
        self._forwarding: Forwarding | None = None
        self._http = self._through(address)

    def _through(self, address: Address) -> httpx.Client:
        connect = httpx.HTTPTransport(uds=address.socket, verify=self._verify) if address.socket else None
        return httpx.Client(
            transport=connect or _folder(address),
            base_url=address.base_url,
            headers=address.headers,
            timeout=self._timeout,
            trust_env=False,
            verify=self._verify,
        )

    async def reach(self, run: Run, forwarding: Forwarding, *, shared: bool = False) -> None:
        """Connect to a run that may be on another machine."""
        self._forwarding = None if shared else forwarding
        self.check.run = run
        if run.near:
            return
        endpoint = forwarding.to(run)
        self._http = self._through(self.address.through(endpoint))
        self.check = ListenerCheck(endpoint.url, os.geteuid())

    async def send(self, call: Call[object], timeout: float) -> httpx.Response:
        """Send a request and return the response."""
        return self._http.request(
            call.method,
            call.route,
            params=call.params,
            headers=call.headers,
            content=call.content,
            timeout=timeout,
            extensions={"trace": self._trace},
        )

    async def events(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of one connection."""
        with connect_sse(
            self._http,
            "GET",
            "events",
            params=params,
            headers=headers,
            timeout=EVENTS_TIMEOUT,
            extensions={"trace": self._trace},
        ) as source:
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
        if self._forwarding is not None:
            self._forwarding.close()

    def _trace(self, event: str, _: object) -> None:
        if event == "connection.connect_tcp.started":
            self.check()


class AsyncConnection:
    """A connection that awaits with asyncio."""

    def __init__(self, address: Address, timeout: float, ssl_ca_certs: CertificateFile = None) -> None:
        self.address = address
        self.check: ListenerCheck = ListenerCheck(address.url)
        self._timeout = timeout
        self._verify = verification(address, ssl_ca_certs)
        self._forwarding: Forwarding | None = None
        self._http = self._through(address)

    def _through(self, address: Address) -> httpx.AsyncClient:
        connect = (
            httpx.AsyncHTTPTransport(uds=address.socket, verify=self._verify) if address.socket else None
        )
        return httpx.AsyncClient(
            transport=connect or _folder(address),
            base_url=address.base_url,
            headers=address.headers,
            timeout=self._timeout,
            trust_env=False,
            verify=self._verify,
        )

    async def reach(self, run: Run, forwarding: Forwarding, *, shared: bool = False) -> None:
        """Connect to a run that may be on another machine."""
        self._forwarding = None if shared else forwarding
        self.check.run = run
        if run.near:
            return
        endpoint = await asyncio.to_thread(forwarding.to, run)
        self._http = self._through(self.address.through(endpoint))
        self.check = ListenerCheck(endpoint.url, os.geteuid())

    async def send(self, call: Call[object], timeout: float) -> httpx.Response:
        """Send a request and return the response."""
        return await self._http.request(
            call.method,
            call.route,
            params=call.params,
            headers=call.headers,
            content=call.content,
            timeout=timeout,
            extensions={"trace": self._trace},
        )

    async def events(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of one connection."""
        async with aconnect_sse(
            self._http,
            "GET",
            "events",
            params=params,
            headers=headers,
            timeout=EVENTS_TIMEOUT,
            extensions={"trace": self._trace},
        ) as source:
            if not source.response.is_success:
                await source.response.aread()
                raise refusal_of(source.response)
            async for event in source.aiter_sse():
                yield event

    @staticmethod
    async def pause(seconds: float) -> None:
        """Sleep while other tasks run."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()
        if self._forwarding is not None:
            await asyncio.to_thread(self._forwarding.close)

    async def _trace(self, event: str, _: object) -> None:
        if event == "connection.connect_tcp.started":
            self.check()


def completed(awaitable: Awaitable[Result]) -> Result:
    """Return the result of an awaitable that uses a ``BlockingConnection``, which never really awaits."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    raise RuntimeError("a blocking connection must not await anything")


def completed_each(stream: AsyncGenerator[Result, None]) -> Generator[Result, None, None]:
    """Yield the items of an asynchronous generator that uses a ``BlockingConnection``."""
    try:
        while True:
            try:
                item = completed(anext(stream))
            except StopAsyncIteration:
                return
            yield item
    finally:
        completed(stream.aclose())
