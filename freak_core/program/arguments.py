"""The bearer token: whoever has it may steer the run."""

import secrets

from freak_core.errors import ConfigurationError

SHORTEST = 16


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(32)


def checked_token(token: str | None) -> str:
    """Return the token somebody chose, or a new one.

    Raises:
        ConfigurationError: it is too short, or would not survive in an HTTP header.
    """
    if not token:
        return new_token()
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"the token (FREAK_TOKEN or token=) must have at least {SHORTEST} printable ASCII characters, "
            "no spaces"
        )
    return token
