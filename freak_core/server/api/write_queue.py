"""The queue of writes: each waits its turn, so that no flood keeps the program busy or another client out."""

import asyncio
import threading
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from freak_core.errors import TooManyRequests
from freak_core.messages.protocol import Order
from freak_core.text.paths import Path, from_pointer

LONGEST_WAIT = 2.0
"""Seconds that a write waits for its turn; then it is refused with 429."""

MOST_WAITING = 1000
"""Writes that wait at most; the next one is refused with 429 at once."""

_URGENT = ("stop", "pause")
_URGENT_ACTIONS = ("stop", "pause", "resume", "cancel", "release")


@dataclass(eq=False)
class _Waiting:
    client: Hashable
    paths: frozenset[Path]
    urgent: bool
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let it look again whether it is its turn; from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.woken.set)


class WriteQueue:
    """Lets writes pass at a bounded rate, fairly by client, with a lane for those that stop or release.

    Of the clients that wait, the one that was served longest ago is next. A write of the lane goes before
    others, but never before an earlier one to the same path or of the same client. While others wait, the
    lane gets every second turn.

    Args:
        rate: writes per second in the long run.
        burst: writes at once after a pause; so at most ``rate + burst`` in any one second.
    """

    def __init__(self, rate: float = 40.0, burst: int = 10) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()
        self._lock = threading.Lock()  # the user's own app may have several event loops
        self._waiting: list[_Waiting] = []
        self._served: dict[Hashable, int] = {}
        self._turns = 0
        self._urgent_last = False

    async def turn(self, client: Hashable, order: Order) -> None:
        """Wait until it is the turn of a write.

        Args:
            client: what tells its client from others: its token and its connection.
            order: the write.

        Raises:
            TooManyRequests: 429, its turn has not come within ``LONGEST_WAIT`` seconds.
        """
        mine = _Waiting(client, frozenset(_touched(order)), _is_urgent(order))
        deadline = time.monotonic() + LONGEST_WAIT
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise self._too_many()
            self._waiting.append(mine)
        try:
            while (pause := self._pause(mine)) > 0:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._too_many()
                try:
                    async with asyncio.timeout(min(pause, left)):
                        await mine.woken.wait()
                except TimeoutError:
                    continue
                mine.woken.clear()
        finally:
            with self._lock:
                self._waiting.remove(mine)
                following = self._next()
            if following is not None:
                following.wake()

    def _pause(self, mine: _Waiting) -> float:
        """Return 0 and count a turn if it is the turn of ``mine``, else the seconds until it may be."""
        with self._lock:
            if self._next() is not mine:
                return LONGEST_WAIT  # it is woken before
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return max((1 - self._left) / self._rate, 0.001)
            self._left -= 1
            self._turns += 1
            self._urgent_last = mine.urgent
            self._served.pop(mine.client, None)
            self._served[mine.client] = self._turns
            while len(self._served) > MOST_WAITING:
                del self._served[next(iter(self._served))]
            return 0.0

    def _next(self) -> _Waiting | None:
        """Return the write whose turn is next."""
        firsts: dict[Hashable, _Waiting] = {}
        for each in self._waiting:
            firsts.setdefault(each.client, each)
        lane = [each for each in firsts.values() if each.urgent and not self._overtakes(each)]
        others = [each for each in firsts.values() if each not in lane]
        chosen = others if self._urgent_last and others else lane or others
        return min(chosen, key=lambda each: self._served.get(each.client, 0), default=None)

    def _overtakes(self, urgent: _Waiting) -> bool:
        """Whether an earlier write waits that changes the same values."""
        earlier = self._waiting[: self._waiting.index(urgent)]
        return any(_overlap(a, b) for each in earlier for a in each.paths for b in urgent.paths)

    def _too_many(self) -> TooManyRequests:
        return TooManyRequests(
            f"too many writes: {self._rate:.0f} a second reach the program, and {len(self._waiting)} wait",
            retry_after=(1 + len(self._waiting)) / self._rate,
        )


def _overlap(one: Path, other: Path) -> bool:
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def _touched(order: Order) -> Iterator[Path]:
    """Yield the paths that a write changes; none for an action and for a cancellation."""
    path, body = tuple(order["path"]), order["body"]
    if order["kind"] in ("action", "cancel"):
        return
    if isinstance(body, list) and order["kind"] not in ("put", "reset"):  # a JSON patch
        for operation in body:
            for name in ("path", "from"):
                where = operation.get(name) if isinstance(operation, dict) else None
                if isinstance(where, str):
                    yield (*path, *from_pointer(where.removeprefix("/")))
    elif isinstance(body, dict) and order["kind"] == "patch":
        yield from ((*path, key) for key in body)
    else:
        yield path


def _is_urgent(order: Order) -> bool:
    """Whether a write stops, pauses, cancels, or releases: sets back to null or to the initial value."""
    if order["kind"] in ("cancel", "reset"):
        return True
    if order["kind"] == "action":
        return order["target"] in _URGENT_ACTIONS
    touched = list(_touched(order))
    return _is_release(order["body"]) or (bool(touched) and all(path[:1] in _TOP for path in touched))


_TOP = frozenset((name,) for name in _URGENT)


def _is_release(body: object) -> bool:
    """Whether a body has nothing but nulls."""
    return body is None or (isinstance(body, dict) and bool(body) and all(map(_is_release, body.values())))
