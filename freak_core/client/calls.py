"""The calls of a client: for each, the route, the parameters and the type of the answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from freak_core.client.documents import ActionDescription, MetricPoint, RunFacts, Schema
from freak_core.client.requests import Call, Parameters, keys_of, merge_patch, state_route, write_parts
from freak_core.messages.json_patch import CONTENT_TYPE
from freak_core.messages.write_options import WriteOptions
from freak_core.receipts import Receipt
from freak_core.text import paths
from freak_core.text.html_tables import State


def get(path: str) -> Call[Any]:
    """Read a value of the state."""
    return Call("GET", state_route(path), httpx.Response.json)


def state() -> Call[State]:
    """Read the whole state."""
    return Call("GET", "state", lambda response: State(response.json()))


def revision() -> Call[str]:
    """Read the ETag of the state."""
    return Call("GET", "state", lambda response: str(response.headers["ETag"]))


def schema() -> Call[Schema]:
    """Read the JSON schema of the state."""
    return Call("GET", "schema", _object)


def actions() -> Call[dict[str, ActionDescription]]:
    """Read the descriptions of the actions."""
    return Call("GET", "actions", _object)


def run(
    wait: float = 0.0, step: int | None = None, epoch: int | None = None, phase: str | None = None
) -> Call[RunFacts]:
    """Read the facts of the run, once it has reached step, epoch and phase, or after ``wait`` seconds."""
    params = _given(wait=wait or None, step=step, epoch=epoch, phase=phase)
    return Call("GET", "run", _object, params=params, wait=wait)


def series(names: tuple[str, ...], since: int, max_points: int) -> Call[dict[str, list[MetricPoint]]]:
    """Read the history of metrics."""
    params = _given(names=",".join(names) or None, since=since, max_points=max_points)
    return Call("GET", "series", _object, params=params)


def receipts(since: int, limit: int, last: int | None) -> Call[list[Receipt]]:
    """Read receipts."""
    params = {"since": since, "limit": limit} if last is None else {"since": since, "last": last}
    return Call(
        "GET", "receipts", lambda r: [Receipt.model_validate(each) for each in r.json()], params=params
    )


def receipt(receipt_id: str, wait: float = 0.0) -> Call[Receipt]:
    """Read one receipt, once its request has ended or after ``wait`` seconds."""
    route = f"receipts/{quote(receipt_id, safe='')}"
    return Call("GET", route, _receipt, params=_given(wait=wait or None), wait=wait)


def patch(values: Mapping[str, object], options: WriteOptions) -> Call[Receipt]:
    """Change values by path: with a merge patch, or with a JSON Patch where a path may lead into a list."""
    merged = merge_patch(values)
    if not any(part.isdecimal() for path in values for part in keys_of(path)):
        return _write("PATCH", "state", options, json.dumps(merged))
    pairs = [(paths.to_pointer(keys_of(path)), value) for path, value in values.items()]
    return json_patch([{"op": "merge", "path": path, "value": value} for path, value in pairs], options)


def json_patch(operations: Sequence[Mapping[str, object]], options: WriteOptions) -> Call[Receipt]:
    """Apply a JSON Patch."""
    if isinstance(operations, Mapping):
        raise TypeError("patch() takes the list of operations of a JSON Patch; values by path are for set()")
    return _write("PATCH", "state", options, json.dumps([dict(each) for each in operations]), CONTENT_TYPE)


def put(path: str, value: object, options: WriteOptions) -> Call[Receipt]:
    """Replace one value."""
    return _write("PUT", state_route(path), options, json.dumps(value))


def reset(path: str, options: WriteOptions) -> Call[Receipt]:
    """Set one value, or the whole state, back to the initial value."""
    return _write("DELETE", state_route(path), options)


def action(name: str, arguments: Mapping[str, object], options: WriteOptions) -> Call[Receipt]:
    """Call an action."""
    return _write("POST", f"actions/{quote(name, safe='')}", options, json.dumps(dict(arguments)))


def cancel(receipt_id: str) -> Call[Receipt]:
    """Cancel a request."""
    return _write("DELETE", f"receipts/{quote(receipt_id, safe='')}", {})


def _write(
    method: str, route: str, options: WriteOptions, content: str | None = None, kind: str = "application/json"
) -> Call[Receipt]:
    params, headers = write_parts(options)
    if content is not None:
        headers["Content-Type"] = kind
    wait = options.get("wait", 0.0)
    return Call(method, route, _receipt, params=params, headers=headers, content=content, wait=wait)


def _given(**params: str | float | None) -> Parameters:
    return {name: value for name, value in params.items() if value is not None}


def _object(response: httpx.Response) -> Any:
    return dict(response.json())


def _receipt(response: httpx.Response) -> Receipt:
    return Receipt.model_validate(response.json())
