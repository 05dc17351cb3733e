"""The routes of Freak 0.0.2, for scripts that use them.

``GET /get``, ``GET /get/<path>``, ``GET /get_from_path?path=``, ``PATCH /set``, ``PUT|PATCH /set/<path>`` and
``DELETE /reset``. ``?value=`` may hold the new value of a leaf. A change is answered with ``"success"``.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from freak_core.errors import Malformed, Rejected
from freak_core.messages.write_options import QUERY, WriteOptions
from freak_core.server.api.json_response import JSONResponse
from freak_core.server.api.problems import Route
from freak_core.server.api.request_body import json_body
from freak_core.server.api.routes import Kind, Routes, StatePath
from freak_core.server.api.text_in_url import any_text
from freak_core.server.api.write_options import flag
from freak_core.text import paths, strict_json
from freak_core.text.strict_json import JSON

APPLIED_WITHIN = 60.0
"""Seconds to wait until a change is applied; then the answer is the receipt, not ``"success"``."""

_WITH_VALUE = (*QUERY, "value")


class FreakV0:
    """The routes of Freak 0.0.2, made of today's."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self.router: APIRouter = APIRouter(route_class=Route, deprecated=True)
        add = self.router.add_api_route
        add("/get", self.get_state, methods=["GET"], name="read the state (0.0.2)")
        inside = any_text("path")
        add("/get/" + inside, self.get_value, methods=["GET"], name="read a value (0.0.2)")
        add("/get_from_path", self.get_from_path, methods=["GET"], name="read a value by dots (0.0.2)")
        add("/set", self.patch_state, methods=["PATCH"], name="change some values (0.0.2)")
        add(
            "/set/" + inside,
            self.patch_value,
            methods=["PATCH"],
            name="change values at a path (0.0.2)",
        )
        add("/set/" + inside, self.put_value, methods=["PUT"], name="replace a value (0.0.2)")
        add("/reset", self.reset, methods=["DELETE"], name="reset the state (0.0.2)")

    async def get_state(self, request: Request) -> Response:
        """Return the state."""
        return await self.get_value(request, "")

    async def get_value(self, request: Request, path: StatePath) -> Response:
        """Return the value at a path of slashes."""
        _, value = await self._routes.mirror.current()
        return await self._routes.shown(request, paths.get(value, paths.from_pointer(path)))

    async def get_from_path(
        self, request: Request, path: Annotated[str, Query(description="path with dots, such as lr.hold")]
    ) -> Response:
        """Return the value at a path with dots."""
        _, value = await self._routes.mirror.current()
        return await self._routes.shown(request, paths.get(value, paths.from_dots(path)))

    async def patch_state(self, request: Request) -> JSONResponse:
        """Merge a JSON merge patch (RFC 7396) into the state."""
        return await self.patch_value(request, "")

    async def patch_value(self, request: Request, path: StatePath) -> JSONResponse:
        """Merge a JSON merge patch (RFC 7396) into the value at a path."""
        return await self._success(request, "patch", path, await json_body(request))

    async def put_value(self, request: Request, path: StatePath) -> JSONResponse:
        """Replace the value at a path by the JSON body, or a leaf by ``?value=``."""
        text = request.query_params.get("value")
        if text is None:
            return await self._success(request, "put", path, await json_body(request))
        leaf = await self._leaf(request, path, text)
        return await self._success(request, "put", path, leaf, _WITH_VALUE)

    async def reset(self, request: Request) -> JSONResponse:
        """Set the whole state back to its initial values."""
        return await self._success(request, "reset", "", None)

    async def _leaf(self, request: Request, path: str, text: str) -> JSON:
        """Return ``text`` itself if the field takes a string, or else the JSON value that it spells."""
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
        self, request: Request, kind: Kind, path: str, body: JSON, known: Sequence[str] = QUERY
    ) -> JSONResponse:
        answer = await self._routes.write(request, kind, path, body, wait=APPLIED_WITHIN, known=known)
        done = answer.status_code == 200 and not flag(request, "dry_run")
        return JSONResponse("success") if done else answer
