"""Limits: how much and how often a client may write."""

import time

from starlette.requests import ClientDisconnect, Request

from freak_core.errors import Malformed, TooLarge, TooManyRequests, UnsupportedMedia
from freak_core.strict_json import JSON, MAX_BODY, parse


class WriteLimit:
    """A token bucket for writes, so that a flood of them cannot wake the program all the time.

    Args:
        rate: writes per second in the long run.
        burst: writes at once after a pause; ``rate + burst`` is the most in any one second.
    """

    def __init__(self, rate: float = 20.0, burst: int = 10) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def take(self) -> None:
        """Count one write.

        Raises:
            TooManyRequests: 429, with the seconds until the next one may pass.
        """
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise TooManyRequests(
                f"at most {self._rate:.0f} writes a second reach the program",
                retry_after=(1 - self._left) / self._rate,
            )
        self._left -= 1


async def json_body(request: Request) -> JSON:
    """Return the JSON body of a request.

    Raises:
        UnsupportedMedia: 415, another content type.
        TooLarge: 413, over 64 KiB.
        Malformed: 400, not strict JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/merge-patch+json"):
        raise UnsupportedMedia("send JSON with the header 'Content-Type: application/json'")
    return parse(await read_body(request))


async def read_body(request: Request) -> bytes:
    """Return the body, however it is framed.

    Raises:
        TooLarge: 413, over 64 KiB.
        Malformed: 400, it is cut off.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise TooLarge(f"the body is over {MAX_BODY} bytes")
    except ClientDisconnect:
        raise Malformed("the client left in the middle of the body") from None
    return bytes(body)
