"""The routes of Freak 0.0.2, kept for the scripts that use them.

``GET /get``, ``GET /get/<path>``, ``GET /get_from_path?path=``, ``PATCH /set``, ``PUT|PATCH /set/<path>`` and
``DELETE /reset``; a leaf takes its value from ``?value=``, and a change is answered with ``"success"``.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from freak_core import paths, strict_json
from freak_core.errors import Malformed, Rejected
from freak_core.server.api.json_response import JSONResponse
from freak_core.server.api.problems import Route
from freak_core.server.api.rate_limit import json_body
from freak_core.server.api.routes import Kind, Routes
from freak_core.server.api.write_options import flag
from freak_core.write_options import QUERY, WriteOptions

APPLIED_WITHIN = 60.0
_WITH_VALUE = (*QUERY, "value")


class FreakV0:
    """The old routes, on top of the new ones."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self.router: APIRouter = APIRouter(route_class=Route, deprecated=True)
        add = self.router.add_api_route
        add("/get", self.get, methods=["GET"], name="read the whole state (0.0.2)")
        add("/get/{path:path}", self.get, methods=["GET"], name="read a value (0.0.2)")
        add("/get_from_path", self.get_from_path, methods=["GET"], name="read a value by dots (0.0.2)")
        add("/set", self.patch, methods=["PATCH"], name="change some values (0.0.2)")
        add("/set/{path:path}", self.patch, methods=["PATCH"], name="change some values (0.0.2)")
        add("/set/{path:path}", self.put, methods=["PUT"], name="set a value (0.0.2)")
        add("/reset", self.reset, methods=["DELETE"], name="back to the initial values (0.0.2)")

    async def get(self, path: str = "") -> JSONResponse:
        """Return the state or the value at a path of slashes."""
        _, value = await self._routes.mirror.current()
        return JSONResponse(paths.get(value, paths.from_pointer(path)))

    async def get_from_path(self, path: Annotated[str, Query()]) -> JSONResponse:
        """Return the value at a path of dots."""
        _, value = await self._routes.mirror.current()
        return JSONResponse(paths.get(value, paths.from_dots(path)))

    async def patch(self, request: Request, path: str = "") -> JSONResponse:
        """Change some values."""
        return await self._success(request, "patch", path, await json_body(request))

    async def put(self, request: Request, path: str) -> JSONResponse:
        """Set a leaf from ``?value=``, or a value from the JSON body."""
        text = request.query_params.get("value")
        if text is None:
            return await self._success(request, "put", path, await json_body(request))
        leaf = await self._leaf(request, path, text)
        return await self._success(request, "put", path, leaf, _WITH_VALUE)

    async def reset(self, request: Request) -> JSONResponse:
        """Put everything back to the initial values."""
        return await self._success(request, "reset", "", None)

    async def _leaf(self, request: Request, path: str, text: str) -> Any:
        """Return ``text`` as it is where the field takes a string, else the JSON value that it spells."""
        try:
            value = strict_json.parse(text)
        except Malformed:
            return text
        try:
            where = paths.from_pointer(path)
            asked = self._routes.options(request, known=_WITH_VALUE)
            tried: WriteOptions = {**asked, "dry_run": True, "key": None}
            await self._routes.hand_over(request, "put", where, text, tried)
        except Rejected:
            return value
        return text

    async def _success(
        self, request: Request, kind: Kind, path: str, body: Any, known: Sequence[str] = QUERY
    ) -> JSONResponse:
        answer = await self._routes.write(request, kind, path, body, wait=APPLIED_WITHIN, known=known)
        done = answer.status_code == 200 and not flag(request, "dry_run")
        return JSONResponse("success") if done else answer
