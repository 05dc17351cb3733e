"""Retries: when a request is sent again, how a client waits, and how events go on after a break."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

import httpx
from httpx_sse import ServerSentEvent, SSEError

from freak_core.client import calls
from freak_core.client.documents import RunFacts
from freak_core.client.requests import Call
from freak_core.client.transport import Connection
from freak_core.errors import NotFound, RunOver, TooManyRequests, Unreachable
from freak_core.phases import ENDED, arrived
from freak_core.reach.forwarding import forbidden
from freak_core.receipts import Receipt
from freak_core.runs.live_runs import find_run, list_runs
from freak_core.runs.run_file import Run
from freak_core.runs.stored_runs import StoredRun, find_stored

Answer = TypeVar("Answer")
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""After these the server may have received the request. It is sent again all the same: a write has a key."""


class Event(NamedTuple):
    """An event of a run.

    Attributes:
        id: to be passed as ``last_id``.
        type: ``state``, ``receipt``, ``run``, ``progress`` or ``metrics``; or ``reset``: events are missing
            before this one, and its data is the revision, the state and the facts of the run.
        data: JSON whose form depends on the type.
    """

    id: str
    type: str
    data: Any


class Conversation:
    """Sends calls to a server over a connection.

    Args:
        connection: the connection.
        timeout: seconds to wait for a response, added to the ``wait`` of a call.
    """

    def __init__(self, connection: Connection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout

    async def ask(self, call: Call[Answer]) -> Answer:
        """Return the answer to a call; while the server is busy, retry until the timeout is over.

        Raises:
            Refused: the server refuses the request or does not answer.
        """
        deadline = time.monotonic() + self._timeout + call.wait
        while True:
            try:
                return call.answer(await self._send(call))
            except TooManyRequests as refused:
                if time.monotonic() > deadline:
                    raise
                await self._connection.pause(refused.retry_after or 0.1)
            except Unreachable as lost:
                lost.key = call.headers.get("Idempotency-Key")
                raise

    async def _send(self, call: Call[object]) -> httpx.Response:
        """Return the response to a call; send it up to four times if the connection breaks."""
        url, timeout = self._connection.address.url, self._timeout + call.wait
        for pause in (0.1, 0.5, 2.0, None):
            try:
                return await self._connection.send(call, timeout)
            except _BROKEN as error:
                if pause is None:
                    raise Unreachable(f"{url} closed the connection: {error}") from error
                await self._connection.pause(pause)
            except httpx.TimeoutException as error:
                raise Unreachable(f"no answer from {url} within {timeout:g} s") from error
            except httpx.HTTPError as error:
                raise Unreachable(f"no answer from {url}: {error or type(error).__name__}") from error
        raise AssertionError("unreachable")

    async def wait(self, receipt: Receipt | str, timeout: float) -> Receipt:
        """See ``AsyncClient.wait``."""
        if isinstance(receipt, Receipt) and receipt.settled:
            return receipt
        receipt_id = receipt if isinstance(receipt, str) else receipt.id
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            latest = await self.ask(calls.receipt(receipt_id, min(left, 30.0)))
            if latest.settled:
                return latest
            if not left:
                raise TimeoutError(f"request {receipt_id} is still {latest.status} after {timeout:g} s")

    async def wait_for(
        self, step: int | None, epoch: int | None, phase: str | None, timeout: float
    ) -> RunFacts:
        """See ``AsyncClient.wait_for``."""
        goals = {"step": step, "epoch": epoch, "phase": phase}
        wanted = ", ".join(f"{name} {goal!r}" for name, goal in goals.items() if goal is not None)
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            run = await self.ask(calls.run(min(left, 30.0), step, epoch, phase))
            if arrived(run, step, epoch, phase):
                return run
            where = f"phase {run.get('phase')!r}, epoch {run.get('epoch')}, step {run.get('step')}"
            if run.get("phase") in ENDED:
                raise RunOver(f"the run ended before it reached {wanted}: {where}")
            if not left:
                raise TimeoutError(f"the run has not reached {wanted} within {timeout:g} s: {where}")

    async def events(
        self, types: Sequence[str], last_id: str | None, reconnect: float
    ) -> AsyncGenerator[Event, None]:
        """See ``AsyncClient.events``."""
        params = {"types": ",".join({*types, "run"})} if types else {}
        heard, give_up = False, None
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                async with aclosing(self._connection.events(params, headers)) as incoming:
                    async for sse in incoming:
                        heard, give_up, last_id = True, None, sse.id or last_id
                        event = _event(sse)
                        if event is None:  # it only carries an id
                            continue
                        if not types or event.type in (*types, "reset"):
                            yield event
                        if _over(event):
                            return
                if (await self.ask(calls.run())).get("phase") in ENDED:
                    return  # the server has sent every event
            except (httpx.HTTPError, SSEError, Unreachable) as error:
                if give_up is None:  # counted from the break: the last event may be much older
                    patient = heard or isinstance(error, _BROKEN)
                    give_up = time.monotonic() + (reconnect if patient else 0.0)
                if time.monotonic() >= give_up:
                    url = self._connection.address.url
                    raise Unreachable(f"no events from {url}: {error or type(error).__name__}") from error
            await self._connection.pause(0.2)


async def found(
    run: str | None, wait: float, pause: Callable[[float], Awaitable[None]], *, ended: bool, ssh: bool
) -> Run | StoredRun:
    """Return the live run that ``run`` names; see ``AsyncClient.find``."""
    deadline = time.monotonic() + wait
    while True:
        try:
            return find_run(run, elsewhere=ssh and not forbidden())
        except NotFound:
            stored = find_stored(run, {live.id for live in list_runs()}) if ended else None
            if stored is not None:
                return stored
            if time.monotonic() >= deadline:
                raise
        await pause(0.2)


def _event(sse: ServerSentEvent) -> Event | None:
    return Event(sse.id, sse.event, json.loads(sse.data)) if sse.data else None


def _over(event: Event) -> bool:
    facts = event.data["run"] if event.type == "reset" else event.data if event.type == "run" else {}
    return facts.get("phase") in ENDED
