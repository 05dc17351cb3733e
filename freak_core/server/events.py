"""Events: the stream of everything that happens, as server-sent events that can be resumed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi.sse import ServerSentEvent

from freak_core.errors import Malformed
from freak_core.server.mirror import Mirror
from freak_core.strict_json import dumps
from freak_core.wire import EVENT_TYPES

Names = frozenset[str]


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


async def stream(mirror: Mirror, last_id: str | None, types: Names) -> AsyncIterator[ServerSentEvent]:
    """Yield events from where the client left off; a client that missed too much gets one ``reset``."""
    seq = _resume_at(mirror, last_id)
    if seq is None:
        seq, reset = _reset(mirror)
        yield reset
    else:  # from here on a client that loses the connection knows where it was
        yield ServerSentEvent(comment="connected", id=f"{mirror.boot}-{seq}")
    async with mirror.news() as news:
        while True:
            ended = mirror.ended
            missed = mirror.events_since(seq)
            if missed is None:
                seq, reset = _reset(mirror)
                yield reset
            for event in missed or ():
                seq = event["seq"]
                if event["event"] in types:
                    yield _sse(mirror.boot, seq, event["event"], event["data"])
            if ended:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30):
                    await news.wait()
            news.clear()


def _resume_at(mirror: Mirror, last_id: str | None) -> int | None:
    """Return the number after which to go on, or None where the client needs a snapshot."""
    if last_id is None:
        return mirror.position()
    boot, _, seq = last_id.rpartition("-")
    if boot != mirror.boot or not seq.isdecimal() or len(seq) > 15:
        return None
    return int(seq) if mirror.floor <= int(seq) <= mirror.position() else None


def _reset(mirror: Mirror) -> tuple[int, ServerSentEvent]:
    seq, snapshot = mirror.snapshot()
    return seq, _sse(mirror.boot, seq, "reset", snapshot)


def _sse(boot: str, seq: int, kind: str, data: Any) -> ServerSentEvent:
    return ServerSentEvent(raw_data=dumps(data), event=kind, id=f"{boot}-{seq}")
