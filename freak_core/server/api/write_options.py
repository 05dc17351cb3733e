"""The options of a write, read from the query and the headers of a request."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from freak_core import paths
from freak_core.errors import Conflict, Malformed
from freak_core.write_options import HEADERS, QUERY, WriteOptions

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
    _parameter("If-Match", "header", _TEXT, "refuse with 412 if the state has changed since this revision"),
    _parameter("Idempotency-Key", "header", _TEXT, "a repeated request gets the first one's receipt"),
    _parameter("Freak-Note", "header", _TEXT, "as note; percent-encoded"),
]
"""What a write may say, for OpenAPI."""


def write_options(
    request: Request, boot: str, revision: int, *, wait: float = 0.0, known: Sequence[str] = QUERY
) -> WriteOptions:
    """Return the options of a request.

    Args:
        request: the write.
        boot, revision: the newest revision of the state, as the ETag has them.
        wait: seconds to wait if the request does not say.
        known: the query parameters that the route takes.

    Raises:
        Malformed: 400, an option has a value that it cannot have, or there is no such option.
        Conflict: 412, ``If-Match`` names another run of the program.
    """
    for name in request.query_params:  # a misspelt dry run must not be carried out
        if name not in known:
            raise Malformed(f"there is no option {name!r}{paths.did_you_mean(name, known)}")
    dry_run = flag(request, "dry_run")
    return WriteOptions(
        wait=_seconds(request.query_params.get("wait"), otherwise=wait),
        note=_note(request),
        if_match=_expected_revision(request, boot, revision),
        dry_run=dry_run,
        key=None if dry_run else _key(request),
        at_step=_count(request, "at_step"),
        at_epoch=_count(request, "at_epoch"),
    )


def _count(request: Request, name: str) -> int | None:
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


def _seconds(value: str | None, otherwise: float) -> float:
    """Return how many seconds to wait.

    Raises:
        Malformed: 400, not a number from 0 to 60.
    """
    try:
        seconds = float(value) if value else otherwise
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:
        raise Malformed(f"wait={value!r} is not a number of seconds from 0 to 60")
    return seconds


def _note(request: Request) -> str | None:
    """Return the reason, from ``Freak-Note`` (percent-encoded) or ``?note=``; on one line."""
    header = request.headers.get(HEADERS["note"])
    text = unquote(header.encode("latin-1")) if header is not None else request.query_params.get("note")
    return _CONTROLS.sub(" ", text[:1000]) if text else None


def _key(request: Request) -> str | None:
    """Return the Idempotency-Key.

    Raises:
        Malformed: 400, it is too long.
    """
    given = request.headers.get(HEADERS["key"])
    if given is not None and len(given) > 200:
        raise Malformed(f"the Idempotency-Key has {len(given)} characters; the limit is 200")
    return given or None


def etag(boot: str, revision: int) -> str:
    """Return the ETag of a revision, ``"<boot>-<revision>"`` in quotes."""
    return f'"{boot}-{revision}"'


def _expected_revision(request: Request, boot: str, revision: int) -> int | None:
    """Return the revision in ``If-Match``, an ETag or a number; ``boot`` and ``revision`` are the newest.

    Raises:
        Malformed: 400, it is neither.
        Conflict: 412, it is of another run of the program.
    """
    expected = request.headers.get(HEADERS["if_match"])
    if expected is None or expected.strip() == "*":
        return None
    tag = expected.strip().removeprefix("W/").strip('"')
    given, _, number = tag.rpartition("-") if "-" in tag else (boot, "", tag)
    if not given or not (number.isascii() and number.isdecimal()) or len(number) > 15:
        looks = etag(boot, revision)
        raise Malformed(f"If-Match {expected!r} is no ETag of this server; it looks like {looks}")
    if given != boot:
        raise Conflict("the program was started anew since you read the state: read it again, then repeat")
    return int(number)
