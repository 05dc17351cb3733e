"""Every call that a client can make: route, parameters, and what its answer is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from freak_core.client.requests import NOTHING, Call, Options, merge_patch, state_route, write_parts
from freak_core.html_tables import State
from freak_core.receipts import Receipt


def get(path: str) -> Call[Any]:
    """Read a value."""
    return Call("GET", state_route(path), httpx.Response.json)


def state() -> Call[State]:
    """Read the whole state."""
    return Call("GET", "state", lambda response: State(response.json()))


def revision() -> Call[str]:
    """Read the ETag of the state."""
    return Call("GET", "state", lambda response: str(response.headers["ETag"]))


def run(
    wait: float = 0.0, step: int | None = None, epoch: int | None = None, phase: str | None = None
) -> Call[dict[str, Any]]:
    """Read the facts of the run, at the latest after ``wait`` seconds, before if it is there before."""
    return replace(document("run", wait=wait or None, step=step, epoch=epoch, phase=phase), wait=wait)


def document(route: str, **params: Any) -> Call[dict[str, Any]]:
    """Read a JSON object."""
    given = {name: value for name, value in params.items() if value is not None}
    return Call("GET", route, lambda response: dict(response.json()), params=given)


def series(names: tuple[str, ...], since: int, max_points: int) -> Call[dict[str, Any]]:
    """Read the history of metrics."""
    return document("series", names=",".join(names) or None, since=since, max_points=max_points)


def receipts(since: int, limit: int, last: int | None) -> Call[list[Receipt]]:
    """Read receipts."""
    params = {"since": since, "limit": limit} if last is None else {"since": since, "last": last}
    return Call(
        "GET", "receipts", lambda r: [Receipt.model_validate(each) for each in r.json()], params=params
    )


def receipt(receipt_id: str, wait: float = 0.0) -> Call[Receipt]:
    """Read one receipt, at the latest after ``wait`` seconds, before if it ends before."""
    route = f"receipts/{quote(receipt_id, safe='')}"
    return Call("GET", route, _receipt, params={"wait": wait} if wait else {}, wait=wait)


def patch(values: Mapping[str, Any], asked: Options) -> Call[Receipt]:
    """Change values by paths of dots."""
    return _write("PATCH", "state", merge_patch(values), asked)


def put(path: str, value: Any, asked: Options) -> Call[Receipt]:
    """Replace one value."""
    return _write("PUT", state_route(path), value, asked)


def reset(path: str, asked: Options) -> Call[Receipt]:
    """Put one value, or all, back."""
    return _write("DELETE", state_route(path), NOTHING, asked)


def action(name: str, arguments: Mapping[str, Any], asked: Options) -> Call[Receipt]:
    """Call an action."""
    return _write("POST", f"actions/{quote(name, safe='')}", dict(arguments), asked)


def cancel(receipt_id: str) -> Call[Receipt]:
    """Withdraw a request."""
    return _write("DELETE", f"receipts/{quote(receipt_id, safe='')}", NOTHING, Options())


def _write(method: str, route: str, body: Any, asked: Options) -> Call[Receipt]:
    return Call(method, route, _receipt, wait=asked.wait, **write_parts(body, asked))


def _receipt(response: httpx.Response) -> Receipt:
    return Receipt.model_validate(response.json())
