"""The routes of ``freak ui`` that need its token: the list, each run, and what compares runs."""

import asyncio
import contextlib
import hashlib
import math
from typing import Annotated
from urllib.parse import unquote

import httpx
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from freak_core.client.folder import FolderTransport
from freak_core.errors import NotFound, Unreachable
from freak_core.runs.live_runs import live_run
from freak_core.runs.run_folder import runs_folder
from freak_core.runs.stored_runs import BROKEN, StoredRun, open_run
from freak_core.runs.stored_series import Axis, Range
from freak_core.server.api.json_response import JSONResponse, LargeAnswer
from freak_core.server.api.problems import Route
from freak_core.server.api.write_options import known_options
from freak_core.text.strict_json import dumps
from freak_core.ui.comparison import Comparison
from freak_core.ui.live_runs import LiveRuns, no_such_run
from freak_core.ui.next_fit import next_fit
from freak_core.ui.pass_through import PASSED_CSP, ROUTES, Open, pass_on
from freak_core.ui.run_list import RunList

METHODS = ("GET", "HEAD", "PATCH", "PUT", "POST", "DELETE")


class Routes:
    """The routes that need a token.

    Args:
        live: the live runs.
    """

    def __init__(self, live: LiveRuns) -> None:
        self._live = live
        self._list = RunList(live)
        self._comparison = Comparison(live, stored_run)
        self._open = Open()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.router: APIRouter = APIRouter(
            route_class=Route, include_in_schema=False, dependencies=[Depends(known_options)]
        )
        add = self.router.add_api_route
        add("/runs", self.runs, methods=["GET", "HEAD"])
        add("/series", self.series, methods=["GET", "HEAD"])
        add("/compare", self.compare, methods=["GET", "HEAD"])
        add("/next", self.next, methods=["GET", "HEAD"])
        add("/runs/{run_id}/{route:path}", self.of_run, methods=list(METHODS))

    def finish(self, timeout: float) -> None:
        """End all event streams, and close the connections to the runs; any thread may call it."""
        if self._loop is not None:
            with contextlib.suppress(TimeoutError, RuntimeError):
                asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result(timeout)

    async def _finish(self) -> None:
        self._open.end()
        await asyncio.sleep(0.05)  # the streams send their end
        self._comparison.close()
        await self._live.close()

    async def runs(self, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Return all runs, live and ended, newest first."""
        self._loop = asyncio.get_running_loop()
        body = dumps({"runs": await self._list.rows()}).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if if_none_match is not None and tag in if_none_match:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(
            body, headers={"ETag": tag, "Cache-Control": "no-cache"}, media_type="application/json"
        )

    async def series(
        self,
        runs: str,
        names: str | None = None,
        axis: Axis = "step",
        since: float = -1.0,
        until: float | None = None,
        max_points: Annotated[int, Query(ge=5, le=10_000)] = 1000,
    ) -> Response:
        """Return the curves of some runs, ``{"<id>": {"loss": [[step, at, value, segment], ...]}}``.

        A live run does not tell segments.
        """
        wanted = Range(axis, since, math.inf if until is None else until)
        body = await self._comparison.series(runs, names, wanted, max_points)
        return LargeAnswer(body, media_type="application/json")

    async def compare(self, runs: str) -> JSONResponse:
        """Return the values of some runs, at their start and now, and the newest value of each metric."""
        return JSONResponse(await self._comparison.compared(runs))

    async def next(self, after: str) -> Response:
        """Return the next run of the program that run ``after`` is of; null without one."""
        found = next_fit(await self._list.rows(), after)
        return Response(dumps({"next": found}), media_type="application/json")

    async def of_run(self, request: Request, run_id: str, route: str) -> Response:
        """Return what a run answers: a live one from its server, an ended one from its folder."""
        self._loop = asyncio.get_running_loop()
        _check_id(run_id)
        if route.partition("/")[0] not in ROUTES or _decoded(request) != (run_id, route):
            raise NotFound(f"a run has no route {route!r}")
        with contextlib.suppress(_EndedMeanwhile):
            return await self._of_live(request, run_id) or await self._of_ended(request, run_id)
        return await self._of_ended(request, run_id)

    async def _of_live(self, request: Request, run_id: str) -> Response | None:
        """Return the answer of a live run; None if no live run has this id."""
        connection = await self._live.connection(run_id)
        if connection is None:
            return None
        try:
            return await pass_on(request, connection, _below(request), self._open)
        except Unreachable:
            if await asyncio.to_thread(live_run, run_id) is None:
                raise _EndedMeanwhile from None
            raise

    async def _of_ended(self, request: Request, run_id: str) -> Response:
        stored = await asyncio.to_thread(stored_run, run_id)
        asked = httpx.Request(
            "GET" if request.method == "HEAD" else request.method,
            f"http://ended/{_below(request)}",
            headers={name: value for name, value in request.headers.items() if name == "last-event-id"},
        )
        answer = await asyncio.to_thread(FolderTransport(stored).handle_request, asked)
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(
            answer.content, answer.status_code, {**headers, "content-security-policy": PASSED_CSP}
        )


class _EndedMeanwhile(Exception):  # noqa: N818
    """A run has ended while it was asked."""


def stored_run(run_id: str) -> StoredRun:
    """Return the run that a folder is of.

    Raises:
        NotFound: there is no such folder, or it tells nothing.
    """
    _check_id(run_id)
    found = open_run(runs_folder() / run_id)
    if found is None:
        raise no_such_run(run_id)
    if found.phase == BROKEN:
        raise NotFound(f"the folder of the run {run_id!r} cannot be read: {found.unreadable}")
    return found


def _check_id(run_id: str) -> None:
    """Refuse what is not the name of a folder right below that of all runs.

    Raises:
        NotFound: it is not.
    """
    if run_id.startswith(".") or not run_id.isprintable() or set(run_id) & set("/\\") or len(run_id) > 200:
        raise no_such_run(run_id)


def _split(request: Request) -> tuple[str, str]:
    """Return the id and the route of a request to a run, as the client has written them."""
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    _, _, run_id, route = path.split("/", 3)
    return run_id, route


def _decoded(request: Request) -> tuple[str, str]:
    """Return the same without percent signs: with one for a slash, routing splits them elsewhere."""
    run_id, route = _split(request)
    return unquote(run_id), unquote(route)


def _below(request: Request) -> str:
    """Return the route below a run, with its query, as the client has written it."""
    route = _split(request)[1]
    query = request.scope["query_string"].decode("latin-1")
    return f"{route}?{query}" if query else route
