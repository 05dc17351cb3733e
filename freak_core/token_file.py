"""The token that the environment gives: itself, or the file that contains it."""

import os
from pathlib import Path

from freak_core.errors import ConfigurationError


def token_of_environment() -> str | None:
    """Return ``FREAK_TOKEN``, or the token in the file ``FREAK_TOKEN_FILE``; None if neither is set.

    Raises:
        ConfigurationError: the file cannot be read or is empty.
    """
    file = os.environ.get("FREAK_TOKEN_FILE")
    return os.environ.get("FREAK_TOKEN") or (token_in_file(file) if file else None)


def token_in_file(file: str | os.PathLike[str]) -> str:
    """Return the token that a file contains.

    Raises:
        ConfigurationError: the file cannot be read or is empty.
    """
    try:
        found = Path(file).expanduser().read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read the token file {str(file)!r}: {error}") from None
    if not found:
        raise ConfigurationError(f"the token file {str(file)!r} is empty")
    return found
