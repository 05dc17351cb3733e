"""Passes a request on to the server of a live run, and its answer back, piece by piece."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import httpx
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from freak_core.ui.live_runs import LiveConnection

ROUTES = frozenset(
    {
        *("state", "schema", "actions", "receipts", "run", "series", "metrics", "events", "openapi.json"),
        *("get", "get_from_path", "set", "set_from_path", "reset"),
    }
)
"""How the routes of a run begin. An app of the user may have others, which nobody asked us to show."""

_ASKED = frozenset(
    {
        *("accept", "content-type", "content-length", "if-match", "if-none-match", "last-event-id"),
        *("idempotency-key", "freak-note", "user-agent"),
    }
)
"""The headers of a request that are passed on. The token of ``freak ui`` is not."""

_KEPT_BACK = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "date", "server", "set-cookie"),
        *("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"),
    }
)
"""The headers of an answer that are not passed on: they are of a connection, or ours to set."""

PASSED_CSP = "sandbox; default-src 'none'; frame-ancestors 'none'"
"""Nothing that a run answers is a page: a browser that is led to it must run nothing of it."""


class Open:
    """The answers that are being passed on. ``end`` ends them all."""

    def __init__(self) -> None:
        self._answers: set[asyncio.Timeout] = set()

    @contextlib.asynccontextmanager
    async def until_end(self) -> AsyncGenerator[None]:
        """Leave the block when ``end`` is called. It runs in one task: httpx may be left only there."""
        try:
            async with asyncio.timeout(None) as answer:
                self._answers.add(answer)
                yield
        except TimeoutError:
            if not answer.expired():
                raise
        finally:
            self._answers.discard(answer)

    def end(self) -> None:
        """End all that are open."""
        for answer in self._answers:
            answer.reschedule(asyncio.get_running_loop().time())


class PassedOn(StreamingResponse):
    """The answer of a run.

    Args:
        answer: of the run; its body is not read yet.
        place: closes it.
        others: the answers that end when ``freak ui`` does.
    """

    def __init__(self, answer: httpx.Response, place: contextlib.AsyncExitStack, others: Open) -> None:
        super().__init__((), status_code=answer.status_code)
        self._answer = answer
        self._place = place
        self._open = others
        self._has_length = "content-length" in answer.headers
        self._has_body = answer.request.method != "HEAD" and answer.status_code not in (204, 304)
        self._has_body &= answer.headers.get("content-length") != "0"
        kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _KEPT_BACK]
        kept.append(("content-security-policy", PASSED_CSP))
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and close the connection to the run in the end."""
        async with self._place:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the answer, and its end together with its last part.

        Else the client has all of it before the server knows, and its next request on the connection comes
        too early.
        """
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        held = b""
        if self._has_body:
            with contextlib.suppress(httpx.HTTPError):  # the run's server is gone
                async with self._open.until_end():
                    async for part in self._answer.aiter_raw():
                        if held or not self._has_length:
                            await send(
                                {"type": "http.response.body", "body": held or part, "more_body": True}
                            )
                        held = part if self._has_length else b""
        await send({"type": "http.response.body", "body": held, "more_body": False})


async def pass_on(request: Request, connection: LiveConnection, route: str, others: Open) -> Response:
    """Return the answer of a run to a request.

    Args:
        request: the request.
        connection: leads to the run.
        route: the route below the URL of the run, with its query, percent-encoded.
        others: the answers that end when ``freak ui`` does.

    Raises:
        Unreachable: the run does not answer.
    """
    headers = {name: value for name, value in request.headers.items() if name in _ASKED}
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    async with contextlib.AsyncExitStack() as stack:
        content = request.stream() if has_body else None
        headers = {"accept": "*/*", "accept-encoding": "identity", **headers}
        answer = await stack.enter_async_context(connection.answer(request.method, route, headers, content))
        return PassedOn(answer, stack.pop_all(), others)
