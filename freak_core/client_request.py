"""What a client puts into a request; the same for a client that waits and one that awaits."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from freak_core import paths
from freak_core.errors import Malformed, Refused, refusal

NOTHING: Final[Any] = type("Nothing", (), {})()
"""Stands for the body of a request that has none."""


def keys_of(path: str) -> paths.Path:
    """Return the keys of a path of dots, or of a JSON Pointer as receipts and errors print it."""
    if path.startswith("/"):
        return paths.from_pointer(path)
    return paths.from_dots(path) if path else ()


def state_route(path: str) -> str:
    """Return the route of the value at a path of dots, relative to the server's address."""
    keys = keys_of(path)
    pointer = "/" * (keys[:1] == ("",)) + paths.to_pointer(keys)  # "state/" is the whole state
    # A segment of dots would be taken as "here" or "one up" on its way.
    segments = [
        part.replace(".", "%2E") if set(part) == {"."} else quote(part) for part in pointer.split("/")
    ]
    return "state" + "/".join(segments)


def merge_patch(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that sets values by paths of dots.

    Raises:
        Malformed: one path is inside another, so that the order would matter.
    """
    patch: dict[str, Any] = {}
    taken = [keys_of(path) for path in values]
    for path, value in zip(taken, values.values(), strict=True):
        if not path or any(path == other[: len(path)] for other in taken if other != path):
            raise Malformed(f"{paths.to_dots(path)!r} is the whole of another path in the same request")
        node = patch
        for parent in path[:-1]:
            node = node.setdefault(parent, {})
        node[path[-1]] = value
    return patch


def write_options(
    body: Any,
    *,
    wait: float = 0.0,
    note: str | None = None,
    if_match: str | None = None,
    dry_run: bool = False,
    key: str | None = None,
    at_step: int | None = None,
    at_epoch: int | None = None,
) -> dict[str, Any]:
    """Return the parameters, headers and content of a write.

    Every write has an Idempotency-Key, so that it can be sent again when the connection breaks.
    """
    headers = {"Idempotency-Key": key or secrets.token_hex(8)}
    if note:
        headers["Freak-Note"] = quote(note)
    if if_match:
        headers["If-Match"] = if_match
    params: dict[str, Any] = {"wait": wait} if wait else {}
    if dry_run:
        params["dry_run"] = "true"
    params |= {k: v for k, v in {"at_step": at_step, "at_epoch": at_epoch}.items() if v is not None}
    options: dict[str, Any] = {"params": params, "headers": headers}
    if body is not NOTHING:
        headers["Content-Type"] = "application/json"
        options["content"] = json.dumps(body, allow_nan=True)
    return options


def refusal_of(response: httpx.Response) -> Refused:
    """Return the error that a response stands for."""
    try:
        return refusal(response.json())
    except (ValueError, AttributeError):
        return refusal(
            {"status": response.status_code, "detail": response.text[:200] or response.reason_phrase}
        )
