"""Waiting with a deadline, for what another thread or process does in its own time."""

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], within: float = 30.0, what: str = "it") -> Any:
    """Return the first true answer of ``condition``, asked again and again; fail when time is up.

    Args:
        condition: what is asked.
        within: seconds until the test fails.
        what: how the failure names it.
    """
    deadline = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not happen within {within} s"
        time.sleep(0.01)
