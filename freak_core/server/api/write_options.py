"""Options: what a request says besides its body, in its query and its headers."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from freak_core import paths
from freak_core.errors import Conflict, Malformed

OPTIONS = ("wait", "dry_run", "note", "at_step", "at_epoch")
"""Query parameters of a write."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that would steer the terminal of whoever reads them."""


def _parameter(name: str, where: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": where, "schema": schema, "description": description}


_SECONDS = {"type": "number", "minimum": 0, "maximum": 60, "default": 0}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
WRITE_PARAMETERS = [
    _parameter("wait", "query", _SECONDS, "seconds to wait until the request has ended"),
    _parameter("dry_run", "query", {"type": "boolean", "default": False}, "validate only"),
    _parameter("at_step", "query", _COUNT, "keep it back until the program has come to this step"),
    _parameter("at_epoch", "query", _COUNT, "keep it back until the program has come to this epoch"),
    _parameter("note", "query", _TEXT, "why, for the journal"),
    _parameter("If-Match", "header", _TEXT, "refuse with 412 if the state has changed since this ETag"),
    _parameter("Idempotency-Key", "header", _TEXT, "a repeated request gets the first one's receipt"),
    _parameter("Freak-Note", "header", _TEXT, "as note; percent-encoded"),
]
"""What a write may say, for OpenAPI."""


def check_options(request: Request, options: Sequence[str] = OPTIONS) -> None:
    """Refuse a misspelt option: a write that was meant as a dry run must not be carried out.

    Raises:
        Malformed: 400, there is no such option.
    """
    for name in request.query_params:
        if name not in options:
            raise Malformed(f"there is no option {name!r}{paths.did_you_mean(name, options)}")


def count(request: Request, name: str) -> int | None:
    """Return a step or an epoch.

    Raises:
        Malformed: 400, it is no number.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Malformed(f"{name}={value!r} is not a number from 0 on")
    return int(value)


def flag(request: Request, name: str) -> bool:
    """Return whether an option is set.

    Raises:
        Malformed: 400, it is neither true nor false.
    """
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false", "1", "0", ""):
        raise Malformed(f"{name}={value!r} is neither true nor false")
    return value in ("true", "1", "")


def note(request: Request) -> str | None:
    """Return why the client asks, from ``Freak-Note`` (percent-encoded) or ``?note=``; on one line."""
    header = request.headers.get("freak-note")
    text = unquote(header.encode("latin-1")) if header is not None else request.query_params.get("note")
    return _CONTROLS.sub(" ", text[:1000]) if text else None


def key(request: Request) -> str | None:
    """Return the Idempotency-Key.

    Raises:
        Malformed: 400, it is too long.
    """
    given = request.headers.get("idempotency-key")
    if given is not None and len(given) > 200:
        raise Malformed(f"the Idempotency-Key has {len(given)} characters; the limit is 200")
    return given or None


def etag(boot: str, revision: int) -> str:
    """Return the ETag of a revision, ``"<boot>-<revision>"`` in quotes."""
    return f'"{boot}-{revision}"'


def expected_revision(request: Request, boot: str, revision: int) -> int | None:
    """Return the revision in ``If-Match``, if any; ``boot`` and ``revision`` are the newest.

    Raises:
        Malformed: 400, it is no ETag of ours.
        Conflict: 412, it is of another run of the program.
    """
    expected = request.headers.get("if-match")
    if expected is None or expected.strip() == "*":
        return None
    given, _, number = expected.strip().removeprefix("W/").strip('"').rpartition("-")
    if not given or not number.isdecimal() or len(number) > 15:
        looks = etag(boot, revision)
        raise Malformed(f"If-Match {expected!r} is no ETag of this server; it looks like {looks}")
    if given != boot:
        raise Conflict("the program was started anew since you read the state: read it again, then repeat")
    return int(number)
