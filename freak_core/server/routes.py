"""The routes: state, schema, actions, receipts, run and events."""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from freak_core import paths
from freak_core.errors import Conflict, Malformed, RunOver, refusal
from freak_core.server.events import Names, stream, wanted_types
from freak_core.server.limits import WriteLimit, json_body, wait_seconds
from freak_core.server.mirror import Mirror
from freak_core.server.series import Axis

OPTIONS = ("wait", "dry_run", "note", "at_step", "at_epoch", "value")
"""Query parameters of a write; ``value`` is one of Freak 0.0.2's."""

Kind = Literal["patch", "put", "reset", "action", "cancel"]


def etag(mirror: Mirror, revision: int | None = None) -> str:
    """Return the ETag of the state, ``"<boot>-<revision>"`` in quotes; of the newest revision without one."""
    return f'"{mirror.boot}-{mirror.revision if revision is None else revision}"'


class Routes:
    """Every route of the API, answered from a mirror of the program."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.limit = WriteLimit()
        self.router = APIRouter()
        add = self.router.add_api_route
        for path in ("/state", "/state/{path:path}"):
            add(path, self.get_state, methods=["GET"], name="read the state")
            add(path, self.patch_state, methods=["PATCH"], name="change some values")
            add(path, self.reset_state, methods=["DELETE"], name="back to the initial values")
        add("/state/{path:path}", self.put_state, methods=["PUT"], name="replace a value")
        add("/schema", self.get_schema, methods=["GET"], name="JSON schema of the state")
        add("/actions", self.get_actions, methods=["GET"], name="list the actions")
        add("/actions/{name}", self.call_action, methods=["POST"], name="call an action")
        add("/receipts", self.get_receipts, methods=["GET"], name="list receipts")
        add("/receipts/{receipt_id}", self.get_receipt, methods=["GET"], name="read a receipt")
        add("/receipts/{receipt_id}", self.cancel, methods=["DELETE"], name="cancel a waiting request")
        add("/run", self.get_run, methods=["GET"], name="how the run is doing")
        add("/series", self.get_series, methods=["GET"], name="history of the metrics")
        events = self._events()
        add("/events", events, methods=["GET"], response_class=EventSourceResponse, name="event stream")

    # -- reading ---------------------------------------------------------------------------------

    async def get_state(
        self, path: str = "", if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """Return the state, or the value at a path; ``ETag`` names the revision."""
        revision, value = await self.mirror.current()
        tag = etag(self.mirror, revision)
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
        if last is not None:
            return JSONResponse(self.mirror.receipts_since(since, 1000)[-last:])
        return JSONResponse(self.mirror.receipts_since(since, limit))

    async def get_receipt(self, receipt_id: str) -> JSONResponse:
        """Return one receipt."""
        return JSONResponse(self.mirror.receipt(receipt_id))

    async def get_run(self, request: Request) -> JSONResponse:
        """Return name, host, process ids, phase, step, pace and health of the run, and who asks."""
        return JSONResponse({**self.mirror.run_info(), "access": request.state.by})

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

    def _events(self) -> Any:
        mirror = self.mirror

        async def event_stream(
            types: Annotated[Names, Depends(wanted_types)],
            last_event_id: Annotated[str | None, Header()] = None,
        ) -> AsyncIterator[ServerSentEvent]:
            async for event in stream(mirror, last_event_id, types):
                yield event

        return event_stream

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
        if _flag(request, "dry_run"):
            raise Malformed("a cancellation cannot be tried; leave dry_run out")
        self.mirror.receipt(receipt_id)
        return await self.write(request, "cancel", "", None, target=receipt_id)

    async def write(
        self, request: Request, kind: Kind, path: str, body: Any, target: str | None = None
    ) -> JSONResponse:
        """Hand a write to the program and answer with its receipt."""
        wait = wait_seconds(request.query_params.get("wait"))
        dry_run = _flag(request, "dry_run")
        receipt = await self.hand_over(
            request, kind, paths.from_pointer(path), body, target=target, wait=wait, dry_run=dry_run
        )
        if dry_run:
            return JSONResponse({**receipt, "dry_run": True})
        headers = {"ETag": etag(self.mirror)}
        if receipt["status"] == "accepted":
            headers["Location"] = f"receipts/{receipt['id']}"
        return JSONResponse(receipt, 202 if receipt["status"] == "accepted" else 200, headers)

    async def hand_over(
        self,
        request: Request,
        kind: Kind,
        path: paths.Path,
        body: Any,
        *,
        target: str | None = None,
        wait: float = 0.0,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Hand a write to the program and return its receipt, waiting until it ends where asked to.

        Raises:
            Refused: the write was rejected, has failed, or was cancelled by somebody.
        """
        message = {
            "kind": kind,
            "path": list(path),
            "body": body,
            "target": target,
            "if_match": self._expected_revision(request),
            "dry_run": dry_run,
            "at_step": _count(request, "at_step"),
            "at_epoch": _count(request, "at_epoch"),
            "by": request.state.by,
            "note": _note(request),
            "key": None if dry_run else _key(request),
        }
        _check_options(request)
        self.limit.take()
        receipt = await self.mirror.request(message)
        if wait and receipt["status"] == "accepted" and not dry_run:
            receipt = await self.mirror.settled(receipt, wait)
        if receipt["status"] == "failed":
            raise refusal({**receipt["error"], "receipt": receipt})
        if receipt["status"] == "cancelled" and kind != "cancel":
            raise RunOver("the request was cancelled before it was applied", receipt=receipt)
        return receipt

    def _expected_revision(self, request: Request) -> int | None:
        expected = request.headers.get("if-match")
        if expected is None or expected.strip() == "*":
            return None
        boot, _, revision = expected.strip().removeprefix("W/").strip('"').rpartition("-")
        if not boot or not revision.isdecimal() or len(revision) > 15:
            raise Malformed(
                f"If-Match {expected!r} is no ETag of this server; it looks like {etag(self.mirror)}"
            )
        if boot != self.mirror.boot:
            raise Conflict(
                "the program was started anew since you read the state: read it again, then repeat"
            )
        return int(revision)


def _check_options(request: Request) -> None:
    """Refuse a misspelt option: a write that was meant as a dry run must not be carried out."""
    for name in request.query_params:
        if name not in OPTIONS:
            raise Malformed(f"there is no option {name!r}{paths.did_you_mean(name, OPTIONS)}")


def _count(request: Request, name: str) -> int | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Malformed(f"{name}={value!r} is not a number from 0 on")
    return int(value)


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false", "1", "0", ""):
        raise Malformed(f"{name}={value!r} is neither true nor false")
    return value in ("true", "1", "")


def _note(request: Request) -> str | None:
    """Return why the client asks, from ``Freak-Note`` (percent-encoded where not ASCII) or ``?note=``."""
    header = request.headers.get("freak-note")
    note = unquote(header.encode("latin-1")) if header is not None else request.query_params.get("note")
    return note[:1000] if note else None


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and len(key) > 200:
        raise Malformed(f"the Idempotency-Key has {len(key)} characters; the limit is 200")
    return key or None
