"""One request of a client: its route, body and headers, and how the response is read."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from freak_core.errors import Malformed, Refused, Unreachable, refusal
from freak_core.messages.write_options import HEADERS, WriteOptions
from freak_core.text import paths

Answer = TypeVar("Answer", covariant=True)  # noqa: PLC0105  httpx and our own code call it an answer
Parameters: TypeAlias = "Mapping[str, str | int | float]"


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request, and how its response is read.

    ``route`` is relative to the address of the server. ``wait`` is how many seconds the server is asked to
    wait before it responds.
    """

    method: str
    route: str
    read: Callable[[httpx.Response], Answer]
    params: Parameters = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: str | None = None
    wait: float = 0.0

    def answer(self, response: httpx.Response) -> Answer:
        """Return what the response contains.

        Raises:
            Refused: the server refused the request.
            Unreachable: the response is not one of Freak: another program listens there.
        """
        if not response.is_success:
            raise refusal_of(response)
        try:
            return self.read(response)
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable(f"the server at {response.url} is not Freak: {error}") from error


def keys_of(path: str) -> paths.Path:
    """Return the keys of a path with dots, or of a JSON Pointer, as receipts and errors contain it."""
    if path.startswith("/"):
        return paths.from_pointer(path)
    return paths.from_dots(path) if path else ()


def state_route(path: str) -> str:
    """Return the route of the value at a path, relative to the address of the server."""
    keys = keys_of(path)
    pointer = "/" * (keys[:1] == ("",)) + paths.to_pointer(keys)  # "state/" is the whole state
    # HTTP clients and proxies resolve the segments "." and "..".
    segments = [
        part.replace(".", "%2E") if set(part) == {"."} else quote(part) for part in pointer.split("/")
    ]
    return "state" + "/".join(segments)


def merge_patch(values: Mapping[str, object]) -> dict[str, object]:
    """Return the merge patch that sets values by path.

    Raises:
        Malformed: one path is inside another: the result would depend on the order.
    """
    patch: dict[str, Any] = {}
    taken = [keys_of(path) for path in values]
    for path, value in zip(taken, values.values(), strict=True):
        if not path or any(path == other[: len(path)] for other in taken if other != path):
            raise Malformed(f"the path {paths.to_dots(path)!r} contains another path of the same request")
        node = patch
        for parent in path[:-1]:
            node = node.setdefault(parent, {})
        node[path[-1]] = value
    return patch


def write_parts(options: WriteOptions) -> tuple[dict[str, str | int | float], dict[str, str]]:
    """Return the query parameters and the headers of a write.

    Every write has an Idempotency-Key, so that it can be sent again when the connection breaks.

    Raises:
        TypeError: there is no such option; a misspelt ``dry_run`` must not be ignored.
    """
    headers = {HEADERS["key"]: secrets.token_hex(8)}
    params: dict[str, str | int | float] = {}
    for name, value in options.items():
        if name not in WriteOptions.__annotations__:
            known = list(WriteOptions.__annotations__)
            raise TypeError(f"there is no option {name!r}{paths.did_you_mean(name, known)}")
        if value is None or value is False or value == "":
            continue
        if name in HEADERS:
            headers[HEADERS[name]] = quote(str(value), errors="replace") if name == "note" else str(value)
        elif isinstance(value, str | int | float):
            params[name] = value
    return params, headers


def refusal_of(response: httpx.Response) -> Refused:
    """Return the error that a response stands for."""
    if response.status_code in (502, 504):  # from a proxy that cannot reach the server
        return Unreachable(f"a proxy answered {response.status_code} for {response.url}")
    try:
        return refusal(response.json())
    except (ValueError, AttributeError, TypeError):
        detail = response.text[:200] or response.reason_phrase
        return refusal({"status": response.status_code, "detail": detail})
