"""The routes: state, schema, actions, receipts, run and events."""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from freak_core import paths
from freak_core.errors import Malformed
from freak_core.protocol import Order
from freak_core.receipts import Receipt
from freak_core.server.api.event_stream import EventStream, Names, stream, wanted_types
from freak_core.server.api.json_response import JSONResponse
from freak_core.server.api.openapi import describe
from freak_core.server.api.problems import Route
from freak_core.server.api.prometheus import CONTENT_TYPE, exposition
from freak_core.server.api.rate_limit import WriteLimit, json_body
from freak_core.server.api.write_options import WRITE_PARAMETERS, etag, flag, write_options
from freak_core.server.mirror.metric_history import Axis
from freak_core.server.mirror.mirror import Mirror
from freak_core.write_options import QUERY, WriteOptions

Wait = Annotated[float, Query(ge=0, le=60, description="seconds to wait at most")]
Kind = Literal["patch", "put", "reset", "action", "cancel"]


AT_ONCE_WITHIN = 5.0
"""Seconds for an action of a program that applies requests at once; then it is answered as accepted."""

_JSON: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": {}}}}}
_WRITE: dict[str, Any] = {"parameters": WRITE_PARAMETERS}


class Routes:
    """Every route of the API, answered from a mirror of the program."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.limit: WriteLimit = WriteLimit()
        self.router: APIRouter = APIRouter(route_class=Route)
        for path in ("/state", "/state/{path:path}"):
            self._read(path, self.get_state, "read the state")
            self._write(path, self.patch_state, "PATCH", "change some values", _WRITE | _JSON)
            self._write(path, self.reset_state, "DELETE", "back to the initial values", _WRITE)
        self._write("/state/{path:path}", self.put_state, "PUT", "replace a value", _WRITE | _JSON)
        self._read("/schema", self.get_schema, "JSON schema of the state")
        self._read("/actions", self.get_actions, "list the actions")
        self._write("/actions/{name}", self.call_action, "POST", "call an action", _WRITE | _JSON)
        self._read("/receipts", self.get_receipts, "list receipts")
        self._read("/receipts/{receipt_id}", self.get_receipt, "read a receipt")
        self._write("/receipts/{receipt_id}", self.cancel, "DELETE", "cancel a waiting request")
        self._read("/run", self.get_run, "how the run is doing")
        self._read("/series", self.get_series, "history of the metrics")
        self._read("/metrics", self.get_metrics, "the numbers of the run, for Prometheus")
        self._read("/openapi.json", self.get_openapi, "description of all routes", listed=False)
        self.router.add_api_route(
            "/events",
            self.get_events,
            methods=["GET"],
            status_code=200,
            response_class=EventStream,
            name="event stream",
        )

    def _read(self, path: str, endpoint: Callable[..., Any], name: str, *, listed: bool = True) -> None:
        add = self.router.add_api_route
        add(path, endpoint, methods=["GET"], name=name, include_in_schema=listed)
        add(path, endpoint, methods=["HEAD"], name=f"{name}, headers only", include_in_schema=False)

    def _write(
        self,
        path: str,
        endpoint: Callable[..., Any],
        method: str,
        name: str,
        described: dict[str, Any] | None = None,
    ) -> None:
        self.router.add_api_route(path, endpoint, methods=[method], name=name, openapi_extra=described)

    # -- reading ---------------------------------------------------------------------------------

    async def get_state(
        self, path: str = "", if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """Return the state, or the value at a path; ``ETag`` names the revision."""
        revision, value = await self.mirror.current()
        tag = etag(self.mirror.boot, revision)
        if if_none_match is not None and (tag in if_none_match or if_none_match.strip() == "*"):
            return Response(status_code=304, headers={"ETag": tag})
        return JSONResponse(paths.get(value, paths.from_pointer(path)), headers={"ETag": tag})

    async def get_schema(self) -> JSONResponse:
        """Return the JSON schema of the state."""
        return JSONResponse(self.mirror.schema)

    async def get_actions(self) -> JSONResponse:
        """Return the actions with the JSON schemas of their arguments."""
        return JSONResponse(self.mirror.actions)

    async def get_receipts(
        self,
        since: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        last: Annotated[int | None, Query(ge=1, le=1000)] = None,
    ) -> JSONResponse:
        """Return receipts numbered above ``since``, oldest first; with ``last``, the newest ones."""
        found = self.mirror.receipts_since(since, limit if last is None else 1000)
        return JSONResponse([receipt.model_dump(mode="json") for receipt in found[-last if last else 0 :]])

    async def get_receipt(self, receipt_id: str, wait: Wait = 0.0) -> JSONResponse:
        """Return one receipt; with ``wait``, once its request has ended."""
        receipt = self.mirror.receipt(receipt_id)
        latest = await self.mirror.settled(receipt, wait) if wait else receipt
        return JSONResponse(latest.model_dump(mode="json"))

    async def get_run(
        self,
        request: Request,
        wait: Wait = 0.0,
        step: Annotated[int | None, Query(ge=0)] = None,
        epoch: Annotated[int | None, Query(ge=0)] = None,
        phase: str | None = None,
    ) -> JSONResponse:
        """Return phase, step, pace and health; with ``wait``, once it is as far as this, or has ended."""
        mirror = self.mirror
        run = await mirror.arrived(step, epoch, phase, wait) if wait else mirror.run_info()
        return JSONResponse({**run, "access": request.state.by})

    async def get_metrics(self) -> Response:
        """Return step, pace, receipts, the newest metrics and every number of the state, for Prometheus."""
        _, state = await self.mirror.current()
        metrics, ended = self.mirror.measured()
        text = exposition(self.mirror.run_info(), state, metrics, ended)
        return Response(text, media_type=CONTENT_TYPE)

    async def get_openapi(self) -> JSONResponse:
        """Return the description of all routes, with one for each field and action of this program."""
        mirror = self.mirror
        return JSONResponse(describe(self.router.routes, mirror.run, mirror.schema, mirror.actions))

    async def get_series(
        self,
        names: Annotated[
            str | None, Query(description="metrics, separated by commas; all without it")
        ] = None,
        since: Annotated[float, Query(description="only points after this step or time")] = -1,
        until: Annotated[float | None, Query(description="only points up to this step or time")] = None,
        axis: Annotated[Axis, Query(description="what since and until are: step or time")] = "step",
        max_points: Annotated[int, Query(ge=5, le=100_000, description="points of each metric")] = 1000,
    ) -> Response:
        """Return ``[step, seconds since the epoch, value]`` of every point, by metric, peaks kept."""

        def read() -> JSONResponse:
            last = math.inf if until is None else until
            found = self.mirror.histories(names).items()
            return JSONResponse({name: each.read(max_points, axis, since, last) for name, each in found})

        return await asyncio.to_thread(read)  # many points take a while

    async def get_events(
        self,
        types: Annotated[Names, Depends(wanted_types)],
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> EventStream:
        """Stream what happens, from ``Last-Event-ID`` on."""
        return EventStream(stream(self.mirror, last_event_id, types))

    # -- writing ---------------------------------------------------------------------------------

    async def patch_state(self, request: Request, path: str = "") -> JSONResponse:
        """Merge a JSON merge patch (RFC 7396) into the state."""
        return await self.write(request, "patch", path, await json_body(request))

    async def put_state(self, request: Request, path: str) -> JSONResponse:
        """Replace the value at a path."""
        return await self.write(request, "put", path, await json_body(request))

    async def reset_state(self, request: Request, path: str = "") -> JSONResponse:
        """Put the state, or the value at a path, back to what it was at the start."""
        return await self.write(request, "reset", path, None)

    async def call_action(self, request: Request, name: str) -> JSONResponse:
        """Call an action with a JSON object of arguments; no body means no arguments."""
        empty = (
            request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
        )
        body = {} if empty else await json_body(request)
        return await self.write(request, "action", "", body, target=name)

    async def cancel(self, request: Request, receipt_id: str) -> JSONResponse:
        """Cancel a request that waits."""
        if flag(request, "dry_run"):
            raise Malformed("a cancellation cannot be tried; leave dry_run out")
        self.mirror.receipt(receipt_id)
        return await self.write(request, "cancel", "", None, target=receipt_id)

    async def write(
        self,
        request: Request,
        kind: Kind,
        path: str,
        body: Any,
        target: str | None = None,
        *,
        wait: float = 0.0,
        known: Sequence[str] = QUERY,
    ) -> JSONResponse:
        """Hand a write to the program and answer with its receipt; ``wait`` is for requests that set none."""
        options = self.options(request, wait=wait, known=known)
        receipt = await self.hand_over(request, kind, paths.from_pointer(path), body, options, target=target)
        if options.get("dry_run"):
            return JSONResponse({**receipt.model_dump(mode="json"), "dry_run": True})
        headers = {"ETag": etag(self.mirror.boot, self.mirror.revision)}
        if receipt.status == "accepted":
            inside = request.scope["raw_path"].decode("latin-1").removeprefix(self.mirror.prefix)
            headers["Location"] = f"{'../' * (inside.count('/') - 1)}receipts/{receipt.id}"
        return JSONResponse(
            receipt.model_dump(mode="json"), 202 if receipt.status == "accepted" else 200, headers
        )

    def options(self, request: Request, *, wait: float = 0.0, known: Sequence[str] = QUERY) -> WriteOptions:
        """Return the options of a write; see ``write_options``."""
        return write_options(request, self.mirror.boot, self.mirror.revision, wait=wait, known=known)

    async def hand_over(
        self,
        request: Request,
        kind: Kind,
        path: paths.Path,
        body: Any,
        options: WriteOptions,
        *,
        target: str | None = None,
    ) -> Receipt:
        """Hand a write to the program and return its receipt, waiting until it ends where asked to.

        Raises:
            Refused: the write was rejected, has failed, or was cancelled by somebody.
        """
        order: Order = {
            "kind": kind,
            "path": list(path),
            "body": body,
            "target": target,
            "by": request.state.by,
            "options": options,
        }
        self.limit.take()
        receipt = await self.mirror.request(order)
        wait = options.get("wait", 0.0)
        if kind == "action" and self.mirror.run.get("apply") == "now":
            wait = max(wait, AT_ONCE_WITHIN)
        if wait and receipt.status == "accepted" and not options.get("dry_run"):
            receipt = await self.mirror.settled(receipt, wait)
        refused = receipt.refused()
        if refused is not None and kind != "cancel":
            raise refused
        return receipt
