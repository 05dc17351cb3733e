"""The application: the routes behind access control, in the server process or in the user's app."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from freak_core.errors import Refused
from freak_core.messages.protocol import Hello
from freak_core.server.api.access import LOOPBACK, READING, Access
from freak_core.server.api.event_loop_turns import turn
from freak_core.server.api.freak_v0 import FreakV0
from freak_core.server.api.problems import problem_response, refusal_response, secure
from freak_core.server.api.routes import Routes
from freak_core.server.api.static_pages import Pages
from freak_core.server.mirror.mirror import Mirror

_METHODS = ("GET", "HEAD", "PATCH", "PUT", "POST", "DELETE")


Check = Callable[[Request], Awaitable[None]]
"""Accepts a request, or raises ``Refused``."""


def mount_routes(app: FastAPI, mirror: Mirror, check: Check, prefix: str) -> None:
    """Add every route that needs a token to ``app``."""
    routes = Routes(mirror)
    for router in (routes.router, FreakV0(routes).router):
        app.include_router(router, prefix=prefix, dependencies=[Depends(check)])


def mount_pages(app: FastAPI, check: Check, prefix: str, docs_url: str) -> None:
    """Add the routes that need no token to ``app``: health, dashboard, and documentation."""
    app.include_router(Pages(docs_url).router, prefix=prefix, dependencies=[Depends(check)])


def create_app(mirror: Mirror, hello: Hello) -> FastAPI:
    """Return the application of the server process."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    hosts = (*LOOPBACK, hello["host"].lower(), *(host.lower() for host in hello["allowed_hosts"]))
    access = Access(hello["token"], hello["read_token"], hosts)
    mount_routes(app, mirror, access, hello["prefix"])
    mount_pages(app, access.same_site, hello["prefix"], hello["docs_url"])
    app.add_exception_handler(HTTPException, http_error)
    app.add_middleware(Guard, access=access)
    return app


class Guard:
    """Checks Host and Origin of every request, with or without a route, and adds the security headers.

    Requests begin in turn, so that a crowd makes no round of the event loop long.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""

        async def send_with_headers(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                secure(MutableHeaders(raw=message["headers"]))
            await send(message)

        app, request = self._app, Request(scope)
        connection = getattr(request.state, "connection", None)  # none where a test asks the app itself

        def is_open() -> bool:
            return connection is None or connection.is_open

        who = self._access.whose(request)
        if who != "owner" or request.method in READING:  # what the owner changes waits behind no crowd
            await turn(who, is_open)
        if not is_open():
            await asyncio.sleep(0)  # by then uvicorn knows, too, and takes no answer for an error
            return
        try:
            self._access.check_origin(request)
        except Refused as refused:
            app = refusal_response(refused)
        await app(scope, receive, send_with_headers)


async def http_error(request: Request, error: Exception) -> Response:
    """Return the answer to a request without a route, or with a method that its route does not take."""
    failure = cast(HTTPException, error)
    problem = {"type": "about:blank", "title": str(failure.detail), "status": failure.status_code}
    headers = dict(failure.headers or {})
    if failure.status_code == 404:
        problem["detail"] = f"there is no route {request.method} {request.url.path}"
    elif failure.status_code == 405:
        headers["Allow"] = ", ".join(_methods_at(request))
        problem["detail"] = f"{request.url.path} does not take {request.method}, only {headers['Allow']}"
    return problem_response(problem, failure.status_code, headers)


def _methods_at(request: Request) -> list[str]:
    """Return the methods that the path of a request takes."""
    routes = cast(FastAPI, request.app).router.routes

    def known(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    return [method for method in _METHODS if known(method)]
