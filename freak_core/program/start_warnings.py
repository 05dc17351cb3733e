"""What a program is warned of when its state is put under control."""

import logging
import warnings
from collections.abc import Sequence

logger: logging.Logger = logging.getLogger("freak")


def warn_of_read_only(paths: Sequence[str]) -> None:
    """Log which paths of a state no request can change, if there are any."""
    if not paths:
        return
    more = f" and {len(paths) - 10} more" if len(paths) > 10 else ""
    reason = "their values have no JSON form, or their types do not accept them"
    logger.warning("Freak leaves these paths as they are: %s%s; %s", ", ".join(paths[:10]), more, reason)


def warn_of_plain_text(host: str) -> None:
    """Log that the network can read what a server on ``host`` sends and receives."""
    logger.warning(
        "Freak serves %s without encryption: who listens on the network can read the token. "
        "Give ssl_certfile and ssl_keyfile, or use an SSH tunnel",
        host,
    )


_warned_of_ranks: list[int] = []


def warn_of_ranks(number: int) -> None:
    """Warn, once in this process, that a change reaches one rank only, if there are several."""
    if number > 1 and not _warned_of_ranks:
        _warned_of_ranks.append(number)
        warnings.warn(
            f"this program has {number} ranks (WORLD_SIZE), and each Freak has a state of its own: a change "
            "reaches one rank, and the others go on without it. Control the state on rank 0 and broadcast it "
            "at each step; see 'Several ranks' in docs/plain-programs.md",
            stacklevel=3,
        )
