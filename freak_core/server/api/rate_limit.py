"""The rate limit: how often clients may write."""

import time

from freak_core.errors import TooManyRequests


class WriteLimit:
    """A token bucket that all writes share: a flood of them must not keep the program busy.

    Args:
        rate: writes per second in the long run.
        burst: writes at once after a pause; so at most ``rate + burst`` in any one second.
    """

    def __init__(self, rate: float = 20.0, burst: int = 10) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def take(self) -> None:
        """Count one write.

        Raises:
            TooManyRequests: 429, there were too many; ``retry_after`` says when the next may come.
        """
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise TooManyRequests(
                f"too many writes: at most {self._rate:.0f} a second reach the program",
                retry_after=(1 - self._left) / self._rate,
            )
        self._left -= 1
