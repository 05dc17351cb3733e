"""Events: the stream of everything that happens, as server-sent events that can be resumed."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Send

from freak_core.errors import Malformed
from freak_core.protocol import EVENT_TYPES
from freak_core.server.mirror.mirror import Mirror
from freak_core.strict_json import dumps

Names = frozenset[str]

PING_EVERY = 15.0
"""Seconds without news after which a comment keeps the connection open."""


class EventStream(StreamingResponse):
    """Sends events until they end or the client goes away, which is no error.

    FastAPI's own way, an endpoint that yields, puts two tasks between events and client; when a client
    leaves before the last event is sent, one of them fails, and the log is full of it.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """Send them, and let go of them at once."""
        async with contextlib.aclosing(self._events):
            await super().stream_response(send)


def wanted_types(types: str | None = None) -> Names:
    """Return the event types named in ``?types=a,b``; all of them without it.

    Raises:
        Malformed: 400, an unknown type.
    """
    wanted = frozenset(filter(None, (types or "").split(","))) or frozenset(EVENT_TYPES)
    unknown = sorted(wanted - frozenset(EVENT_TYPES))
    if unknown:
        raise Malformed(f"there is no event type {unknown[0]!r}; there are: {', '.join(EVENT_TYPES)}")
    return wanted


async def stream(mirror: Mirror, last_id: str | None, types: Names) -> AsyncGenerator[bytes]:
    """Yield events from where the client left off; a client that missed too much gets one ``reset``.

    The stream is one program's: where another has taken its place, with tokens of its own, it ends.
    """
    boot = mirror.boot
    seq = _resume_at(mirror, last_id)
    if seq is None:
        seq, reset = _reset(mirror)
        yield reset
    else:  # from here on a client that loses the connection knows where it was
        yield format_sse_event(comment="connected", id=f"{mirror.boot}-{seq}")
    with mirror.news() as news:
        while mirror.boot == boot:
            ended = mirror.ended
            missed = mirror.events_since(seq)
            if missed is None:
                seq, reset = _reset(mirror)
                yield reset
            for event in missed or ():
                seq = event["seq"]
                if event["event"] in types:
                    yield _sse(mirror.boot, seq, event["event"], event["data"])
                    await asyncio.sleep(0)  # a long replay lets others go first, and hears of a break
            if ended:
                return
            try:
                async with asyncio.timeout(PING_EVERY):
                    await news.wait()
            except TimeoutError:
                yield format_sse_event(comment="ping")
            news.clear()


def _resume_at(mirror: Mirror, last_id: str | None) -> int | None:
    """Return the number after which to go on, or None where the client needs a snapshot."""
    if last_id is None:
        return mirror.position()
    boot, _, seq = last_id.rpartition("-")
    if boot != mirror.boot or not seq.isdecimal() or len(seq) > 15:
        return None
    return int(seq) if mirror.recent.floor <= int(seq) <= mirror.position() else None


def _reset(mirror: Mirror) -> tuple[int, bytes]:
    seq, snapshot = mirror.snapshot()
    return seq, _sse(mirror.boot, seq, "reset", snapshot)


def _sse(boot: str, seq: int, kind: str, data: Any) -> bytes:
    return format_sse_event(data_str=dumps(data), event=kind, id=f"{boot}-{seq}")
