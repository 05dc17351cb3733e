"""Lost ranks: what a rank raises when a collective fails, since another rank is gone or stands still."""

from collections.abc import Iterator
from contextlib import contextmanager


class RanksLost(RuntimeError):  # noqa: N818 - the ranks are lost
    """A collective failed: another rank is gone, or did not come in time.

    The one error of Freak that ends a training: the other ranks are at another place, or nowhere. The
    training's own next collective would fail for the same reason.
    """


@contextmanager
def told_as_lost_ranks() -> Iterator[None]:
    """Raise RanksLost in place of what a collective raises.

    Raises:
        RanksLost: the block raised; the message has the first line of the error.
    """
    try:
        yield
    except RanksLost:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        raise RanksLost(f"another rank is gone or did not come in time ({what})") from error
