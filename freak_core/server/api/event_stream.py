"""The event stream: everything that happens in a run, as server-sent events that a client can resume."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from freak_core.errors import Malformed
from freak_core.messages.protocol import EVENT_TYPES, Event
from freak_core.server.api.event_loop_turns import turn
from freak_core.server.mirror.large_texts import is_large
from freak_core.server.mirror.mirror import Mirror

Names = frozenset[str]

PING_EVERY = 15.0
"""Seconds without an event after which a comment is sent, so that no proxy closes the connection."""

PART = 32_000
"""Bytes of small events that are sent at once."""

SENT_WITHIN = 0.0005
"""About the seconds that the server needs to send a part of a stream, with as much for all else."""

BYTES_A_SECOND = 50_000_000
"""What all streams together may send."""

LONGEST_REST = 2.0
"""Seconds that a stream rests at most after it has sent."""


class EventStream(StreamingResponse):
    """Sends events until they end or the client leaves.

    An endpoint that yields, as FastAPI has it, runs two more tasks. One of them fails and logs a traceback
    whenever a client leaves.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], place: contextlib.ExitStack) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events = events
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and give the place of the stream back in the end."""
        with self._place:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the events, and close their generator at once when the client leaves."""
        async with contextlib.aclosing(self._events):
            await super().stream_response(send)


async def wanted_types(
    types: Annotated[
        str | None,
        Query(description=f"event types, separated by commas, of: {', '.join(EVENT_TYPES)}; by default all"),
    ] = None,
) -> Names:
    """Return the event types that a request asks for.

    Raises:
        Malformed: 400, there is no such type.
    """
    wanted = frozenset(filter(None, (types or "").split(","))) or frozenset(EVENT_TYPES)
    unknown = sorted(wanted - frozenset(EVENT_TYPES))
    if unknown:
        raise Malformed(f"there is no event type {unknown[0]!r}; there are: {', '.join(EVENT_TYPES)}")
    return wanted


async def stream(
    mirror: Mirror, last_id: str | None, types: Names, streams: Callable[[], int] = lambda: 1
) -> AsyncGenerator[bytes]:
    """Yield the events after ``last_id``; a client that missed too many gets one ``reset`` with a snapshot.

    The stream ends when another program takes the place of this one: that one has tokens of its own.

    Args:
        mirror: where the events are.
        last_id: the id of the last event that the client knows; None for the newest.
        types: of the events to send.
        streams: tells how many streams there are: the more, the longer each rests after it has sent.
    """
    boot = mirror.boot
    seq = _resume_at(mirror, last_id)
    if seq is None:
        seq, reset = _reset(mirror)
        yield reset
    else:  # so that a client that loses the connection now has an id to resume from
        yield format_sse_event(comment="connected", id=f"{mirror.boot}-{seq}")
    with mirror.news() as news:
        while mirror.boot == boot:
            ended = mirror.ended
            missed = mirror.events_since(seq)
            if missed is None:
                seq, reset = _reset(mirror)
                await turn("parts of large answers")
                yield reset
            for part in _parts(mirror, missed or [], types):
                await turn("parts of large answers")
                yield part
                await asyncio.sleep(_rest(len(part), streams()))
            seq = missed[-1]["seq"] if missed else seq
            if ended:
                return
            try:
                async with asyncio.timeout(PING_EVERY):
                    await news.wait()
            except TimeoutError:
                yield format_sse_event(comment="ping")
            news.clear()


def _resume_at(mirror: Mirror, last_id: str | None) -> int | None:
    """Return the number of the event to resume after; None if the client needs a snapshot."""
    if last_id is None:
        return mirror.position()
    boot, _, seq = last_id.rpartition("-")
    if boot != mirror.boot or not seq.isdecimal() or len(seq) > 15:
        return None
    return int(seq) if mirror.recent.floor <= int(seq) <= mirror.position() else None


def _rest(size: int, streams: int) -> float:
    """Return the seconds until a stream sends more, so that all streams together leave time for the rest."""
    return min(streams * max(SENT_WITHIN, size / BYTES_A_SECOND), LONGEST_REST)


def _parts(mirror: Mirror, events: list[Event], types: Names) -> Iterator[bytes]:
    """Yield the events of some types, many small ones at once; of a large state only the newest."""
    part = b""
    newest = next((event["seq"] for event in reversed(events) if event["event"] == "state"), 0)
    for event in events:
        is_old = event["event"] == "state" and event["seq"] < newest
        if event["event"] in types and not (is_old and is_large(event["data"])):
            part += mirror.written(event, lambda event: _event_bytes(mirror, event))
        if len(part) > PART:
            yield part
            part = b""
    if part:
        yield part


def _reset(mirror: Mirror) -> tuple[int, bytes]:
    seq, snapshot = mirror.snapshot()
    return seq, _sse(mirror, seq, "reset", snapshot)


def _event_bytes(mirror: Mirror, event: Event) -> bytes:
    return _sse(mirror, event["seq"], event["event"], event["data"])


def _sse(mirror: Mirror, seq: int, kind: str, data: object) -> bytes:
    return format_sse_event(data_str=mirror.as_json(data), event=kind, id=f"{mirror.boot}-{seq}")
