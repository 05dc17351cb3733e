"""The deadline of a request: after it, nobody waits for the answer."""

import time

from freak_core.errors import Unreachable


def check_deadline(deadline: float | None) -> None:
    """Refuse a request whose caller has been told that nothing was done.

    Raises:
        Unreachable: ``deadline``, a time of ``time.monotonic``, has passed.
    """
    if deadline is not None and time.monotonic() > deadline:
        raise Unreachable("the program was too busy to begin with this request in time")
