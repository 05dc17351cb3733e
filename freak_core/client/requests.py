"""What a client asks and how it reads the answer; the same for a client that waits and one that awaits."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx

from freak_core import paths
from freak_core.errors import Malformed, Refused, Unreachable, refusal

Answer = TypeVar("Answer")
NOTHING: Final[Any] = type("Nothing", (), {})()
"""Stands for the body of a request that has none."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a write may say besides its values; see ``Client.set``."""

    wait: float = 0.0
    note: str | None = None
    if_match: str | None = None
    dry_run: bool = False
    key: str | None = None
    at_step: int | None = None
    at_epoch: int | None = None


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request, and how its answer is read.

    ``route`` is relative to the server's address; ``wait`` are the seconds that the server was asked to wait.
    """

    method: str
    route: str
    read: Callable[[httpx.Response], Answer]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: str | None = None
    wait: float = 0.0

    def answer(self, response: httpx.Response) -> Answer:
        """Return what the response says.

        Raises:
            Refused: the server refuses.
            Unreachable: whoever answers there is not Freak.
        """
        if not response.is_success:
            raise refusal_of(response)
        try:
            return self.read(response)
        except (ValueError, KeyError) as error:
            raise Unreachable(f"what answers at {response.url} is not Freak: {error}") from error


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


def write_parts(body: Any, asked: Options) -> dict[str, Any]:
    """Return the parameters, headers and content of a write.

    Every write has an Idempotency-Key, so that it can be sent again when the connection breaks.
    """
    headers = {"Idempotency-Key": asked.key or secrets.token_hex(8)}
    if asked.note:
        headers["Freak-Note"] = quote(asked.note)
    if asked.if_match:
        headers["If-Match"] = asked.if_match
    params: dict[str, Any] = {"wait": asked.wait} if asked.wait else {}
    if asked.dry_run:
        params["dry_run"] = "true"
    later = {"at_step": asked.at_step, "at_epoch": asked.at_epoch}
    params |= {name: value for name, value in later.items() if value is not None}
    if body is NOTHING:
        return {"params": params, "headers": headers}
    headers["Content-Type"] = "application/json"
    return {"params": params, "headers": headers, "content": json.dumps(body, allow_nan=True)}


def refusal_of(response: httpx.Response) -> Refused:
    """Return the error that a response stands for."""
    if response.status_code in (502, 504):  # a proxy's way to say it
        return Unreachable(f"a proxy answers {response.status_code} for {response.url}")
    try:
        return refusal(response.json())
    except (ValueError, AttributeError, TypeError):
        detail = response.text[:200] or response.reason_phrase
        return refusal({"status": response.status_code, "detail": detail})
