"""The options of a write, read from the query and the headers of a request."""

import re
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.requests import Request

from freak_core.errors import Conflict, Malformed
from freak_core.messages.write_options import HEADERS, QUERY, WriteOptions
from freak_core.text import paths

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Control characters: in a terminal they would do more than be printed."""


def _parameter(name: str, where: str, schema: Mapping[str, object], description: str) -> dict[str, object]:
    return {"name": name, "in": where, "schema": schema, "description": description}


_SECONDS = {"type": "number", "minimum": 0, "maximum": 60, "default": 0}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_IF_MATCH = {"type": "string", "pattern": r'^(\*|[0-9]{1,15}|(W/)?"([0-9a-f]{12}-)?[0-9]{1,15}")$'}
_TEXT = {"type": "string"}
WRITE_PARAMETERS: list[dict[str, object]] = [
    _parameter(
        "wait",
        "query",
        _SECONDS,
        "seconds to wait for the end of the request; the receipt's status says whether it has ended",
    ),
    _parameter(
        "dry_run",
        "query",
        {"anyOf": [{"type": "boolean"}, {"enum": ["", "1", "0"]}], "default": False},
        "only validate: nothing is changed, and there is no receipt in the history",
    ),
    _parameter(
        "at_step", "query", _COUNT, "hold the request back until the program has done this many steps"
    ),
    _parameter("at_epoch", "query", _COUNT, "hold the request back until the program is in this epoch"),
    _parameter("note", "query", _TEXT, "the reason, for whoever reads the journal"),
    _parameter(
        "If-Match",
        "header",
        _IF_MATCH,
        "refuse the request with 412 if the state has changed since this revision: an ETag or its number",
    ),
    _parameter(
        "Idempotency-Key",
        "header",
        {**_TEXT, "maxLength": 200},
        "at most 200 characters; sent again, a request with the same key gets the first receipt",
    ),
    _parameter("Freak-Note", "header", _TEXT, "the reason, percent-encoded; takes precedence over ``note``"),
]
"""The options of a write, as OpenAPI describes parameters."""


def write_options(
    request: Request, boot: str, revision: int, *, wait: float = 0.0, known: Sequence[str] = QUERY
) -> WriteOptions:
    """Return the options of a request.

    Args:
        request: the write.
        boot, revision: the id of the run and the newest revision of its state.
        wait: seconds to wait if the request names none.
        known: the query parameters that the route takes.

    Raises:
        Malformed: 400, an option has an invalid value, or there is no such option.
        Conflict: 412, ``If-Match`` names a revision of an earlier run.
    """
    check_names(request, known)  # a dry run with a typing error must not be carried out
    dry_run, key = flag(request, "dry_run"), _key(request)
    return WriteOptions(
        wait=_seconds(request.query_params.get("wait"), otherwise=wait),
        note=_note(request),
        if_match=_expected_revision(request, boot, revision),
        dry_run=dry_run,
        key=None if dry_run else key,
        at_step=_count(request, "at_step"),
        at_epoch=_count(request, "at_epoch"),
    )


def check_names(request: Request, known: Sequence[str]) -> None:
    """Check the names in the query of a request.

    Raises:
        Malformed: 400, there is no such option, or one is given twice.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            raise Malformed(f"there is no option {name!r}{paths.did_you_mean(name, known)}")
        if given.count(name) > 1:
            raise Malformed(f"the option {name!r} is given {given.count(name)} times")


async def known_options(request: Request) -> None:
    """Check the names in the query of a read: a dependency of its route, after that of who may read.

    A write checks its options itself; a read that takes none is asked whatever its query says.

    Raises:
        Malformed: 400, there is no such option, or one is given twice.
    """
    known = [each.alias for each in cast(APIRoute, request.scope["route"]).dependant.query_params]
    if known:
        check_names(request, known)


def _count(request: Request, name: str) -> int | None:
    """Return a step or an epoch; None if the request names none.

    Raises:
        Malformed: 400, it is not a number.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Malformed(f"{name}={value!r} is not a whole number of at most 18 digits")
    return int(value)


def flag(request: Request, name: str) -> bool:
    """Return True if an option is set.

    Raises:
        Malformed: 400, it is neither true nor false.
    """
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false", "1", "0", ""):
        raise Malformed(f"{name}={value!r} is neither true nor false")
    return value in ("true", "1", "")


def _seconds(value: str | None, otherwise: float) -> float:
    """Return the seconds to wait.

    Raises:
        Malformed: 400, it is not a number from 0 to 60.
    """
    try:
        seconds = float(value) if value else otherwise
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:
        raise Malformed(f"wait={value!r} is not a number of seconds from 0 to 60")
    return seconds


def _note(request: Request) -> str | None:
    """Return the reason, from the header (percent-encoded) or the query, in one line."""
    header = request.headers.get(HEADERS["note"])
    text = unquote(header.encode("latin-1")) if header is not None else request.query_params.get("note")
    return _CONTROLS.sub(" ", text[:1000]) if text else None


def _key(request: Request) -> str | None:
    """Return the Idempotency-Key; None if the request has none.

    Raises:
        Malformed: 400, it has more than 200 characters.
    """
    given = request.headers.get(HEADERS["key"])
    if given is not None and len(given) > 200:
        raise Malformed(f"the Idempotency-Key has {len(given)} characters; the limit is 200")
    return given or None


def etag(boot: str, revision: int) -> str:
    """Return the ETag of a revision, ``"<boot>-<revision>"`` in quotes."""
    return f'"{boot}-{revision}"'


def _expected_revision(request: Request, boot: str, revision: int) -> int | None:
    """Return the revision that ``If-Match`` names, as an ETag or a number; None if it names none.

    Raises:
        Malformed: 400, it is neither.
        Conflict: 412, it is of an earlier run.
    """
    expected = request.headers.get(HEADERS["if_match"])
    if expected is None or expected.strip() == "*":
        return None
    tag = expected.strip().removeprefix("W/").strip('"')
    given, _, number = tag.rpartition("-") if "-" in tag else (boot, "", tag)
    if not given or not (number.isascii() and number.isdecimal()) or len(number) > 15:
        looks = etag(boot, revision)
        raise Malformed(
            f"If-Match {expected!r} is neither a revision number nor an ETag of this server, such as {looks}"
        )
    if given != boot:
        raise Conflict(
            "the state you read was of an earlier run of the program: read it again, then repeat the request"
        )
    return int(number)
