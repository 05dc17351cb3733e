"""The body of a request, as strict JSON of a limited size."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import ClientDisconnect, Request

from freak_core.errors import Malformed, TooLarge, UnsupportedMedia
from freak_core.messages import json_patch
from freak_core.text.strict_json import JSON, MAX_BODY, parse

JSON_TYPES: Final = ("application/json", "application/merge-patch+json")
PATCH_TYPES: Final = (*JSON_TYPES, json_patch.CONTENT_TYPE)


async def json_body(request: Request, types: Sequence[str] = JSON_TYPES) -> JSON:
    """Return the JSON body of a request.

    Args:
        request: the request.
        types: the content types that it may have.

    Raises:
        UnsupportedMedia: 415, the content type is none of them.
        TooLarge: 413, the body is over 64 KiB.
        Malformed: 400, the body is not strict JSON.
    """
    if content_type(request) not in types:
        others = ", ".join(types[1:])
        raise UnsupportedMedia(f"send JSON with the header 'Content-Type: {types[0]}', or one of {others}")
    return parse(await _read_body(request))


def content_type(request: Request) -> str:
    """Return the media type of a body, in small letters and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_body(request: Request) -> bytes:
    """Return the body of a request, whether its length is declared or not.

    Raises:
        TooLarge: 413, the body is over 64 KiB.
        Malformed: 400, the client left before the end of the body.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise TooLarge(f"the body has more than {MAX_BODY} bytes")
    except ClientDisconnect:
        raise Malformed("the client left before the end of the body") from None
    return bytes(body)
