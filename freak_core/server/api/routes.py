"""The routes of a run: state, schema, actions, receipts, run, metrics and events."""

import contextlib
import math
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from freak_core.errors import Malformed
from freak_core.messages import json_patch
from freak_core.messages.protocol import Order
from freak_core.messages.write_options import QUERY, WriteOptions
from freak_core.phases import arrived
from freak_core.receipts import Receipt
from freak_core.server.api.event_stream import EventStream, Names, stream, wanted_types
from freak_core.server.api.heavy_reads import HeavyReads, points_as_json
from freak_core.server.api.json_response import JSONResponse, LargeAnswer
from freak_core.server.api.openapi import JSON_PATCH_SCHEMA, JSONObject, describe
from freak_core.server.api.problems import Route
from freak_core.server.api.prometheus import CONTENT_TYPE, exposition
from freak_core.server.api.request_body import JSON_TYPES, PATCH_TYPES, content_type, json_body
from freak_core.server.api.text_in_url import any_text
from freak_core.server.api.write_options import WRITE_PARAMETERS, etag, flag, known_options, write_options
from freak_core.server.api.write_queue import WriteQueue
from freak_core.server.connection_shares import WaitingPlaces
from freak_core.server.mirror.large_texts import is_large
from freak_core.server.mirror.metric_history import Axis
from freak_core.server.mirror.mirror import Mirror
from freak_core.text import paths
from freak_core.text.strict_json import JSON

StatePath = Annotated[
    str,
    Path(
        description="JSON Pointer into the state, without its first slash: lr/hold",
        json_schema_extra={"pattern": "^([^~]|~0|~1)*$"},
    ),
]
IfNoneMatch = Annotated[str | None, Header(description="answer with 304 if the state still has this ETag")]
ReceiptId = Annotated[str, Path(description="id of the receipt")]
Endpoint = Callable[..., Awaitable[Response]]
Kind = Literal["patch", "put", "reset", "action", "json_patch", "cancel"]


AT_ONCE_WITHIN = 5.0
"""Seconds that an action may take in a program that applies requests at once; then the answer is 202."""

_OPTIONS: JSONObject = {"parameters": WRITE_PARAMETERS}


def _with_body(about: str, schema: JSONObject | None = None) -> JSONObject:
    """Return the options of a write and its JSON body, for OpenAPI."""
    content = {"application/json": {"schema": schema or {}}}
    return {
        **_OPTIONS,
        "requestBody": {"description": about, "required": schema is None, "content": content},
    }


def _patched() -> JSONObject:
    """Return the options of a PATCH and its two kinds of body, for OpenAPI."""
    about = "a JSON merge patch (RFC 7396), or a JSON Patch (RFC 6902) with paths below that of the URL"
    merge = {"description": "A JSON merge patch (RFC 7396): an object of the values to change."}
    kinds: JSONObject = {kind: {"schema": merge} for kind in JSON_TYPES}
    kinds[json_patch.CONTENT_TYPE] = {"schema": JSON_PATCH_SCHEMA}
    return {**_OPTIONS, "requestBody": {"description": about, "required": True, "content": kinds}}


class Routes:
    """The routes of a run. Reads are answered from the mirror, writes by the program."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.queue: WriteQueue = WriteQueue()
        self.places: WaitingPlaces = WaitingPlaces()
        self.heavy: HeavyReads = HeavyReads()
        self.router: APIRouter = APIRouter(route_class=Route, dependencies=[Depends(known_options)])
        patch, whole = _patched(), _with_body("the new value")
        value = "/state/" + any_text("path")
        self._read("/state", self.get_state, "read the state")
        self._write("/state", self.patch_state, "PATCH", "change some values", patch)
        self._write("/state", self.reset_state, "DELETE", "reset the state", _OPTIONS)
        self._read(value, self.get_value, "read a value")
        self._write(value, self.patch_value, "PATCH", "change some values at a path", patch)
        self._write(value, self.reset_value, "DELETE", "reset a value", _OPTIONS)
        self._write(value, self.put_value, "PUT", "replace a value", whole)
        self._read("/schema", self.get_schema, "JSON schema of the state")
        self._read("/actions", self.get_actions, "list the actions")
        arguments = _with_body("a JSON object of arguments; it may be left out", {"type": "object"})
        self._write("/actions/" + any_text("name"), self.call_action, "POST", "call an action", arguments)
        self._read("/receipts", self.get_receipts, "list receipts")
        self._read("/receipts/{receipt_id}", self.get_receipt, "read a receipt")
        self._write("/receipts/{receipt_id}", self.cancel, "DELETE", "cancel a pending request")
        self._read("/run", self.get_run, "phase, progress and health of the run")
        self._read("/series", self.get_series, "history of the metrics")
        numbers = "the numbers of the run, for Prometheus"
        self._read("/metrics", self.get_metrics, numbers, kind=PlainTextResponse)
        self._read("/openapi.json", self.get_openapi, "OpenAPI document", listed=False)
        self.router.add_api_route(
            "/events",
            self.get_events,
            methods=["GET"],
            status_code=200,
            response_class=EventStream,
            name="event stream",
            response_description="the events, as text/event-stream",
        )

    def _read(
        self,
        path: str,
        endpoint: Endpoint,
        name: str,
        *,
        listed: bool = True,
        kind: type[Response] = JSONResponse,
    ) -> None:
        add = self.router.add_api_route
        described: dict[str, Any] = {"response_description": "found", "response_class": kind}
        add(path, endpoint, methods=["GET"], name=name, include_in_schema=listed, **described)
        add(path, endpoint, methods=["HEAD"], name=f"{name}, headers only", include_in_schema=False)

    def _write(
        self,
        path: str,
        endpoint: Endpoint,
        method: str,
        name: str,
        described: JSONObject | None = None,
    ) -> None:
        self.router.add_api_route(path, endpoint, methods=[method], name=name, openapi_extra=described)

    # -- reading ---------------------------------------------------------------------------------

    async def get_state(self, request: Request, if_none_match: IfNoneMatch = None) -> Response:
        """Return the state. The header ``ETag`` names its revision."""
        return await self.get_value(request, "", if_none_match)

    async def get_value(
        self, request: Request, path: StatePath, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Return the value at a path. The header ``ETag`` names the revision of the state."""
        revision, value = await self.mirror.current()
        tag = etag(self.mirror.boot, revision)
        if if_none_match is not None and (tag in if_none_match or if_none_match.strip() == "*"):
            return Response(status_code=304, headers={"ETag": tag})
        return await self.shown(request, paths.get(value, paths.from_pointer(path)), {"ETag": tag})

    async def shown(
        self, request: Request, value: object, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return the answer that has a value of the state; a large one is written beside the event loop."""
        if not is_large(value):
            return JSONResponse(value, headers=headers)

        def read() -> Response:
            return LargeAnswer(self.mirror.as_json(value), headers=headers, media_type="application/json")

        return await self.heavy.answer(request.state.by, read)

    async def get_schema(self) -> JSONResponse:
        """Return the JSON schema of the state."""
        return JSONResponse(self.mirror.schema)

    async def get_actions(self) -> JSONResponse:
        """Return the actions by name, each with its description and the JSON schema of its arguments."""
        return JSONResponse(self.mirror.actions)

    async def get_receipts(
        self,
        request: Request,
        since: Annotated[int, Query(ge=0, description="only receipts with a higher ``seq``")] = 0,
        limit: Annotated[
            int, Query(ge=1, le=1000, description="maximum number of receipts; the oldest are returned")
        ] = 100,
        last: Annotated[
            int | None,
            Query(
                ge=1,
                le=1000,
                description="return the newest ones instead, at most this number; replaces ``limit``",
            ),
        ] = None,
    ) -> JSONResponse:
        """Return the receipts of the run, oldest first: the newest 1000 and all that are pending."""

        def read() -> JSONResponse:
            found = self.mirror.receipts_since(since, limit if last is None else 1000)
            return JSONResponse(
                [receipt.model_dump(mode="json") for receipt in found[-last if last else 0 :]]
            )

        return await self.heavy.answer(request.state.by, read)

    async def get_receipt(
        self,
        request: Request,
        receipt_id: ReceiptId,
        wait: Annotated[
            float, Query(ge=0, le=60, description="seconds to wait for the end of its request")
        ] = 0.0,
    ) -> JSONResponse:
        """Return one receipt."""
        receipt = self.mirror.receipt(receipt_id)
        if wait and not receipt.settled:
            with self.places.place(request.state.by, "long polls"):
                receipt = await self.mirror.settled(receipt, wait)
        return JSONResponse(receipt.model_dump(mode="json"))

    async def get_run(
        self,
        request: Request,
        wait: Annotated[
            float,
            Query(ge=0, le=60, description="seconds to wait for ``step``, ``epoch`` and ``phase``"),
        ] = 0.0,
        step: Annotated[int | None, Query(ge=0, description="wait until this step is done")] = None,
        epoch: Annotated[int | None, Query(ge=0, description="wait until this epoch has begun")] = None,
        phase: Annotated[str | None, Query(description="wait until the run is in this phase")] = None,
    ) -> JSONResponse:
        """Return phase, step, steps per second and health of the run.

        With ``wait``, the answer comes as soon as ``step``, ``epoch`` and ``phase`` are reached, or the run
        has ended.
        """
        run = self.mirror.run_info()
        if wait and not arrived(run, step, epoch, phase):
            with self.places.place(request.state.by, "long polls"):
                run = await self.mirror.arrived(step, epoch, phase, wait)
        return JSONResponse({**run, "access": request.state.by})

    async def get_metrics(self, request: Request) -> Response:
        """Return progress, receipt counts, newest metrics and every number of the state, for Prometheus."""
        _, state = await self.mirror.current()

        def read() -> Response:
            metrics, ended = self.mirror.measured()
            text = exposition(self.mirror.run_info(), state, metrics, ended)
            return LargeAnswer(text, media_type=CONTENT_TYPE)

        return await self.heavy.answer(request.state.by, read)

    async def get_openapi(self, request: Request) -> JSONResponse:
        """Return the OpenAPI document of the run, with a typed route for each of its fields and actions."""
        mirror = self.mirror

        def read() -> JSONResponse:
            return JSONResponse(describe(self.router.routes, mirror.run, mirror.schema, mirror.actions))

        return await self.heavy.answer(request.state.by, read)

    async def get_series(
        self,
        request: Request,
        names: Annotated[
            str | None, Query(description="names of metrics, separated by commas; by default all")
        ] = None,
        since: Annotated[float, Query(description="only points after this step or time")] = -1,
        until: Annotated[float | None, Query(description="only points up to this step or time")] = None,
        axis: Annotated[
            Axis, Query(description="what ``since`` and ``until`` are: a step, or seconds since the epoch")
        ] = "step",
        max_points: Annotated[
            int, Query(ge=5, le=100_000, description="maximum number of points of each metric")
        ] = 1000,
    ) -> Response:
        """Return the points of each metric by its name, each as ``[step, seconds since the epoch, value]``.

        Of a metric with more points than ``max_points``, the lowest and highest of each stretch are kept.
        """

        def read() -> Response:
            last = math.inf if until is None else until
            found = self.mirror.histories(names).items()
            text = points_as_json((name, each.read(max_points, axis, since, last)) for name, each in found)
            return LargeAnswer(text, media_type="application/json")

        return await self.heavy.answer(request.state.by, read)

    async def get_events(
        self,
        request: Request,
        types: Annotated[Names, Depends(wanted_types)],
        last_event_id: Annotated[
            str | None, Header(description="id of the event to resume after; by default the newest")
        ] = None,
    ) -> EventStream:
        """Stream the events of the run.

        A client that resumes after an event that is no longer known gets one event ``reset``, with the whole
        state and what ``GET /run`` says.
        """
        place = contextlib.ExitStack()
        place.enter_context(self.places.place(request.state.by, "streams"))
        events = stream(self.mirror, last_event_id, types, lambda: self.places.taken("streams"))
        return EventStream(events, place)

    # -- writing ---------------------------------------------------------------------------------

    async def patch_state(self, request: Request) -> JSONResponse:
        """Merge a JSON merge patch (RFC 7396) into the state, or apply a JSON Patch (RFC 6902) to it.

        The header ``Content-Type`` tells the two apart.
        """
        return await self.patch_value(request, "")

    async def patch_value(self, request: Request, path: StatePath) -> JSONResponse:
        """Merge a JSON merge patch (RFC 7396) into the value at a path, or apply a JSON Patch (RFC 6902).

        The header ``Content-Type`` tells the two apart. The paths of a JSON Patch begin at this path.
        """
        body = await json_body(request, PATCH_TYPES)
        if content_type(request) != json_patch.CONTENT_TYPE:
            return await self.write(request, "patch", path, body)
        json_patch.steps(body)
        return await self.write(request, "json_patch", path, body)

    async def put_value(self, request: Request, path: StatePath) -> JSONResponse:
        """Replace the value at a path."""
        return await self.write(request, "put", path, await json_body(request))

    async def reset_state(self, request: Request) -> JSONResponse:
        """Set the whole state back to its initial values."""
        return await self.reset_value(request, "")

    async def reset_value(self, request: Request, path: StatePath) -> JSONResponse:
        """Set the value at a path back to its initial value."""
        return await self.write(request, "reset", path, None)

    async def call_action(
        self, request: Request, name: Annotated[str, Path(description="name of the action")]
    ) -> JSONResponse:
        """Call an action."""
        empty = (
            request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
        )
        body = {} if empty else await json_body(request)
        return await self.write(request, "action", "", body, target=name)

    async def cancel(self, request: Request, receipt_id: ReceiptId) -> JSONResponse:
        """Cancel a pending request: one that is accepted and not yet applied."""
        if flag(request, "dry_run"):
            raise Malformed("a cancellation has no dry run: leave dry_run out")
        self.mirror.receipt(receipt_id)
        return await self.write(request, "cancel", "", None, target=receipt_id)

    async def write(
        self,
        request: Request,
        kind: Kind,
        path: str,
        body: JSON,
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
        body: JSON,
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
        await self.queue.turn((request.state.by, _connection(request)), order)
        receipt = await self.mirror.request(order)
        wait = options.get("wait", 0.0)
        if kind == "action" and self.mirror.run.get("apply") == "now":
            wait = max(wait, AT_ONCE_WITHIN)
        if wait and receipt.status == "accepted" and not options.get("dry_run"):
            with self.places.place_if_free(request.state.by, "long polls") as free:
                receipt = await self.mirror.settled(receipt, wait) if free else receipt
        refused = receipt.refused()
        if refused is not None and kind != "cancel":
            raise refused
        return receipt


def _connection(request: Request) -> Hashable:
    """Return what tells the connection of a request from others."""
    return getattr(request.state, "connection", None) or request.client
