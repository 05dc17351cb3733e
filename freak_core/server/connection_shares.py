"""Places: how many connections the server has, and how many of them each token may use."""

import contextlib
import resource
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from freak_core.errors import TooManyRequests

Who = Literal["owner", "reader"]
Purpose = Literal["streams", "long polls"]


def most_files() -> int:
    """Return how many files this process may have open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit


def most_connections() -> int:
    """Return the most connections at a time: half of the files that may be open. Answers open files, too."""
    return min(1000, most_files() // 2)


def places_of(who: Who | None, connections: int) -> int:
    """Return how many of all connections are reserved for a token; ``None`` is who has sent none yet."""
    return max(1, connections // 4 if who is None else connections * 3 // 8)


class WaitingPlaces:
    """Counts the requests that wait: each token may have so many that places are left for its others."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[Who, Purpose]] = Counter()

    @contextlib.contextmanager
    def place(self, who: Who, purpose: Purpose) -> Iterator[None]:
        """Take a place for one request that waits.

        Raises:
            TooManyRequests: 429, the token has as many already as it may have.
        """
        most = self._most(purpose)
        if self._taken[who, purpose] >= most:
            raise TooManyRequests(
                f"this token has {most} {purpose} already, which is the most", retry_after=1.0
            )
        self._taken[who, purpose] += 1
        try:
            yield
        finally:
            self._taken[who, purpose] -= 1

    @contextlib.contextmanager
    def place_if_free(self, who: Who, purpose: Purpose) -> Iterator[bool]:
        """Take a place if there is one; yields whether there was."""
        if self._taken[who, purpose] >= self._most(purpose):
            yield False
            return
        with self.place(who, purpose):
            yield True

    def taken(self, purpose: Purpose) -> int:
        """Return how many requests have a place now, of all tokens."""
        return sum(number for (_, each), number in self._taken.items() if each == purpose)

    @staticmethod
    def _most(purpose: Purpose) -> int:
        share = places_of("owner", most_connections())
        return max(1, share // 2 if purpose == "streams" else share // 4)
