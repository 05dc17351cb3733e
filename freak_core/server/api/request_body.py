"""The body of a request, as strict JSON of a limited size."""

from starlette.requests import ClientDisconnect, Request

from freak_core.errors import Malformed, TooLarge, UnsupportedMedia
from freak_core.strict_json import JSON, MAX_BODY, parse


async def json_body(request: Request) -> JSON:
    """Return the JSON body of a request.

    Raises:
        UnsupportedMedia: 415, the content type is not JSON.
        TooLarge: 413, the body is over 64 KiB.
        Malformed: 400, the body is not strict JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/merge-patch+json"):
        raise UnsupportedMedia("send JSON with the header 'Content-Type: application/json'")
    return parse(await _read_body(request))


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
