"""Heavy reads: answers that take long are made beside the event loop, one at a time for each token."""

import asyncio
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from freak_core.runs.thinning import Point
from freak_core.server.places import Who
from freak_core.text.strict_json import dumps

Answer = TypeVar("Answer")

PIECE = 2000
"""Points that are written as JSON at once: meanwhile the interpreter runs nothing else."""


class HeavyReads:
    """One thread for each token: however many heavy reads a token asks for, all other requests go on."""

    def __init__(self) -> None:
        self._threads: dict[Who, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    async def answer(self, who: Who, make: Callable[[], Answer]) -> Answer:
        """Return what ``make`` returns on the thread of a token, after its earlier heavy reads."""
        with self._lock:
            if who not in self._threads:
                self._threads[who] = ThreadPoolExecutor(1, thread_name_prefix=f"freak-reads-{who}")
        return await asyncio.get_running_loop().run_in_executor(self._threads[who], functools.partial(make))


def points_as_json(points_by_name: Iterable[tuple[str, list[Point]]]) -> str:
    """Return an object of lists as JSON, written piece by piece."""
    return "{" + ",".join(f"{dumps(name)}:[{','.join(_pieces(p))}]" for name, p in points_by_name) + "}"


def _pieces(points: list[Point]) -> Iterator[str]:
    for start in range(0, len(points), PIECE):
        yield dumps(points[start : start + PIECE])[1:-1]
