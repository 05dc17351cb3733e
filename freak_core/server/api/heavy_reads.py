"""Heavy reads: answers that take long are made beside the event loop, one at a time for each token."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

from freak_core.runs.thinning import Point
from freak_core.server.connection_shares import Who
from freak_core.text.strict_json import dumps

Answer = TypeVar("Answer")

PIECE = 200
"""Points that are written as JSON at once: meanwhile the interpreter runs nothing else."""

REST = 20
"""Rounds of the event loop between two heavy reads of a token. A round is long while many clients ask."""


class HeavyReads:
    """One heavy read at a time for each token: however many it asks for, all other requests go on."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="freak-reads")
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Who, asyncio.Lock]] = (
            WeakKeyDictionary()
        )

    async def answer(self, who: Who, make: Callable[[], Answer]) -> Answer:
        """Return what ``make`` returns on a thread, after the earlier heavy reads of a token."""
        loop = asyncio.get_running_loop()
        turn = self._turns.setdefault(loop, {}).setdefault(who, asyncio.Lock())
        await turn.acquire()
        try:
            return await loop.run_in_executor(self._threads, make)
        finally:
            _release(loop, turn, REST)


def _release(loop: asyncio.AbstractEventLoop, turn: asyncio.Lock, after: int) -> None:
    """Release a lock after some rounds of an event loop."""
    if after:
        loop.call_soon(_release, loop, turn, after - 1)
    else:
        turn.release()


def points_as_json(points_by_name: Iterable[tuple[str, list[Point]]]) -> str:
    """Return an object of lists as JSON, written piece by piece."""
    return "{" + ",".join(f"{dumps(name)}:[{','.join(_pieces(p))}]" for name, p in points_by_name) + "}"


def _pieces(points: list[Point]) -> Iterator[str]:
    for start in range(0, len(points), PIECE):
        yield dumps(points[start : start + PIECE])[1:-1]
