"""Turns: how much is done in one round of the event loop, so that every round is short, however many ask."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal
from weakref import WeakKeyDictionary

from freak_core.server.connection_shares import Who

Purpose = Literal["parts of large answers"] | Who | None
"""What is done: sending a part, or beginning with a request of whoever asks."""

AT_ONCE = 4
"""What is done for one purpose in one round of the event loop."""


Wanted = Callable[[], bool]
"""Tells whether anybody still waits for what is to be done."""


class Turns:
    """Lets at most ``AT_ONCE`` tasks go on in each round of an event loop, the others in the next rounds."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._waiting: deque[tuple[asyncio.Future[None], Wanted]] = deque()
        self._asked = False

    async def mine(self, wanted: Wanted) -> None:
        """Wait for a turn. A task that is not wanted any more goes on too, and takes no turn."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            self._asked = True
            loop.call_soon(self._next_round, loop)
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append((turn, wanted))
        await turn

    def _next_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = AT_ONCE
        while self._left and self._waiting:
            turn, wanted = self._waiting.popleft()
            if not turn.done():  # it may be cancelled
                self._left -= wanted()
                turn.set_result(None)
        self._asked = self._left < AT_ONCE
        if self._asked:
            loop.call_soon(self._next_round, loop)


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Purpose, Turns]] = WeakKeyDictionary()


async def turn(purpose: Purpose, wanted: Wanted = lambda: True) -> None:
    """Wait for a turn of the running event loop.

    Args:
        purpose: of which each round has so many turns.
        wanted: tells whether the client is still there.
    """
    loop = asyncio.get_running_loop()
    await _OF_LOOPS.setdefault(loop, {}).setdefault(purpose, Turns()).mine(wanted)
