"""The live runs as ``freak ui`` reaches them: each through its own server, with its own token."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from freak_core.client.transport import Address, verification
from freak_core.errors import NotFound, Refused, TooManyRequests, Unreachable, refusal
from freak_core.reach.forwarding import Endpoint, Forwarding
from freak_core.runs.listening import ListenerCheck
from freak_core.runs.live_runs import live_run
from freak_core.runs.run_file import Run

MOST_CONNECTIONS = 16
"""Connections to one run at a time. A browser opens six at most, whatever it shows."""

_LIMITS = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=2, keepalive_expiry=10)
_TIMEOUT = httpx.Timeout(10.0, read=75.0, pool=5.0)
"""A long poll takes up to 60 seconds; an event stream sends something every 15 seconds."""


class LiveConnection:
    """The connections to the server of one live run.

    Args:
        run: the run.
        endpoint: where to reach it, which may be through ssh.
    """

    def __init__(self, run: Run, endpoint: Endpoint) -> None:
        self.run = run
        address = Address.parse(run.url, run.token)
        if run.near:
            self._check = ListenerCheck(run.url)
            self._check.run = run
        else:
            address = address.through(endpoint)
            self._check = ListenerCheck(endpoint.url)
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=address.socket, verify=verification(address, run.ssl_certfile), limits=_LIMITS
            ),
            timeout=_TIMEOUT,
            trust_env=False,
        )
        self._base = address.base_url
        self._headers = address.headers

    @contextlib.asynccontextmanager
    async def answer(
        self,
        method: str,
        route: str,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request with the run's token; yield the response, whose body is not read yet.

        Args:
            method: of the request.
            route: below the URL of the run, with its query, percent-encoded.
            headers: of the request; the run's token is added.
            content: its body.
            timeout: for each part of the answer.

        Raises:
            Unreachable: the run does not answer, or another program listens there.
            TooManyRequests: too many other requests to the run are open.
        """
        request = self._http.build_request(
            method,
            self._base + route,
            headers={**headers, **self._headers},
            content=content,
            timeout=timeout,
            extensions={"trace": self._trace},
        )
        try:
            response = await self._http.send(request, stream=True)
        except httpx.PoolTimeout:
            raise TooManyRequests(
                f"{MOST_CONNECTIONS} requests to the run {self.run.name!r} are open already", retry_after=5
            ) from None
        except httpx.HTTPError as error:
            raise Unreachable(f"the run {self.run.name!r} does not answer: {type(error).__name__}") from error
        try:
            yield response
        finally:
            await response.aclose()

    async def json(self, route: str, within: float = 10.0) -> Any:
        """Return what the run answers to a GET.

        Raises:
            Refused: it refuses, or does not answer.
        """
        try:
            async with self.answer("GET", route, {}, timeout=httpx.Timeout(within)) as answer:
                told = json.loads(await answer.aread())
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(f"the run {self.run.name!r} does not answer: {type(error).__name__}") from None
        if not answer.is_success:
            raise refusal(told if isinstance(told, dict) else {})
        return told

    async def _trace(self, event: str, _: object) -> None:
        if event == "connection.connect_tcp.started":
            self._check()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class LiveRuns:
    """Finds the live runs, and keeps the connections to them.

    Args:
        forwarding: reaches other machines.
    """

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding
        self._connections: dict[str, LiveConnection] = {}
        self._facts: dict[str, tuple[float, dict[str, Any]]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(16, "freak-reach")  # a machine that is down takes ten seconds
        self._reaching: dict[str, asyncio.Lock] = {}

    async def connection(self, run_id: str) -> LiveConnection | None:
        """Return the connection to a live run; None if no live run has this id.

        Raises:
            Unreachable: the run is on another machine, which cannot be reached.
        """
        run = await asyncio.to_thread(live_run, run_id)
        if run is None:
            await self.forget(run_id)
            return None
        async with self._reaching.setdefault(run_id, asyncio.Lock()):
            known = self._connections.get(run_id)
            if known is not None and (known.run.url, known.run.token) == (run.url, run.token):
                return known
            await self.forget(run_id)
            loop = asyncio.get_running_loop()
            endpoint = await loop.run_in_executor(self._threads, self._forwarding.to, run)
            made = self._connections[run_id] = LiveConnection(run, endpoint)
            return made

    async def forget(self, run_id: str) -> None:
        """Close the connection to a run that has ended."""
        known = self._connections.pop(run_id, None)
        self._facts.pop(run_id, None)
        if known is not None:
            await known.close()

    async def facts(self, runs: list[str], *, newer_than: float, within: float) -> dict[str, dict[str, Any]]:
        """Return what ``GET /run`` says of live runs; of one that has not answered yet, what it said before.

        Args:
            runs: their ids.
            newer_than: seconds; what was said earlier is asked again.
            within: seconds to wait for the answers. A run that takes longer is left out.
        """
        now = time.monotonic()
        for run_id in runs:
            asked_at = self._facts.get(run_id, (-1e9, {}))[0]
            if now - asked_at > newer_than and run_id not in self._asking:
                self._asking[run_id] = asyncio.create_task(self._ask(run_id))
        asking = [self._asking[run_id] for run_id in runs if run_id in self._asking]
        if asking:
            await asyncio.wait(asking, timeout=within)
        return {run_id: self._facts[run_id][1] for run_id in runs if run_id in self._facts}

    async def _ask(self, run_id: str) -> None:
        try:
            connection = await self.connection(run_id)
            if connection is None:
                return
            told = await connection.json("run", within=2.0)
        except Refused as refused:
            told = {"unreachable": refused.detail}
        finally:
            del self._asking[run_id]
        if isinstance(told, dict):
            self._facts[run_id] = time.monotonic(), told

    async def close(self) -> None:
        """Close all connections."""
        for task in list(self._asking.values()):
            task.cancel()
        for run_id in list(self._connections):
            await self.forget(run_id)
        self._threads.shutdown(wait=False, cancel_futures=True)


def no_such_run(run_id: str) -> NotFound:
    """Return the refusal for a run that has neither a run file nor a folder."""
    return NotFound(f"there is no run {run_id!r} in this home")
