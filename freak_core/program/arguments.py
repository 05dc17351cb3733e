"""The arguments of ``Freak``, checked: a function returns the value to use, or says what is wrong with it."""

import logging
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from freak_core.addresses import is_loopback
from freak_core.errors import ConfigurationError
from freak_core.messages.protocol import UNRECORDED
from freak_core.phases import ENDED
from freak_core.token_file import token_in_file, token_of_environment

SHORTEST = 16
"""The least number of characters of a token."""

LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")
"""What uvicorn takes for ``log_level``."""

OUR_FACTS = frozenset(
    {
        *("id", "name", "host", "pid", "started_at", "apply", "journal", "journal_path"),
        *("revision", "pending", "stalled", "steps_per_second", "seconds_since_progress", "access"),
        *("stopped_by", UNRECORDED),
    }
)
"""The facts of a run that no program can publish."""

logger: logging.Logger = logging.getLogger("freak")

Apply = Literal["now", "sync"]
"""When writes are applied: as they arrive, or when the program takes them."""


def keeps_history() -> bool:
    """Return whether metrics, state and ending of a run are kept on disk: unless ``FREAK_HISTORY=0``."""
    return os.environ.get("FREAK_HISTORY", "1") not in ("", "0")


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(32)


def checked_token(token: str | None) -> str:
    """Return the user's token, or a new one if there is none.

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


def token_of(token: str | None, token_file: str | os.PathLike[str] | None) -> str | None:
    """Return the user's token, from the environment, a file or an argument; None if there is none.

    Raises:
        ConfigurationError: the file cannot be read or is empty, or token and file are given.
    """
    found = token_of_environment()
    if found is None and token and token_file:
        raise ConfigurationError("give token or token_file, not both")
    return found or (token_in_file(token_file) if token_file else token)


def checked_certificate(
    certfile: str | os.PathLike[str] | None, keyfile: str | os.PathLike[str] | None
) -> tuple[str, str | None] | None:
    """Return the absolute paths of a certificate and its key, after loading them; None for no TLS.

    Raises:
        ConfigurationError: a file cannot be read, or the key does not fit.
    """
    if not certfile:
        if keyfile:
            raise ConfigurationError("ssl_keyfile needs ssl_certfile, too")
        return None
    import ssl  # here: most runs need none

    certificate = Path(certfile).expanduser().absolute()
    key = Path(keyfile).expanduser().absolute() if keyfile else None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError, too
        raise ConfigurationError(
            f"cannot use ssl_certfile {str(certfile)!r} with ssl_keyfile {str(keyfile)!r}: {error}"
        ) from None
    return str(certificate), None if key is None else str(key)


def checked_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts that a program may publish; for each that only Freak may publish, log a warning."""
    taken = {name: value for name, value in facts.items() if name in OUR_FACTS}
    if facts.get("phase") in ENDED:  # nobody would listen to what comes after it
        taken["phase"] = facts["phase"]
    for name, value in taken.items():
        logger.warning("%s=%.100r is left out: Freak itself says the %s of a run", name, value, name)
    return {name: value for name, value in facts.items() if name not in taken}


def checked_apply(apply: str) -> Apply:
    """Return when requests are applied.

    Raises:
        ConfigurationError: it is neither ``"now"`` nor ``"sync"``.
    """
    if apply not in ("now", "sync"):
        raise ConfigurationError(f"apply={apply!r} is neither 'now' nor 'sync'")
    return "now" if apply == "now" else "sync"


def checked_prefix(prefix: str | None) -> str:
    """Return a path prefix without a slash at its end.

    Raises:
        ConfigurationError: it does not begin with a slash.
    """
    prefix = (prefix or "").rstrip("/")
    if prefix and not prefix.startswith("/"):
        raise ConfigurationError(f"prefix {prefix!r} must begin with a slash")
    return prefix


def checked_port(port: int | str | None) -> int | None:
    """Return a port as a number.

    Raises:
        ConfigurationError: it is not a number from 0 to 65535.
    """
    if port is None or str(port) == "":
        return None
    if not re.fullmatch("[0-9]{1,5}", str(port)) or int(port) > 65535:
        raise ConfigurationError(f"port {port!r} is not a number from 0 to 65535")
    return int(port)


def checked_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the names under which a server may be reached.

    Raises:
        ConfigurationError: it is a single text; a list is needed.
    """
    if isinstance(hosts, str):
        raise ConfigurationError(f"allowed_hosts={hosts!r} is no list; write allowed_hosts=[{hosts!r}]")
    return tuple(hosts)


def checked_socket(path: str | os.PathLike[str] | None) -> Path | None:
    """Return the absolute path of a socket.

    Raises:
        ConfigurationError: it has a colon or a hash, which a ``unix:`` URL cannot hold.
    """
    if path is None or not str(path):
        return None
    if ":" in str(path) or "#" in str(path):
        raise ConfigurationError(f"the Unix socket {str(path)!r} must have no ':' and no '#' in its path")
    return Path(path).expanduser().absolute()


def check_reach(host: str, allowed_hosts: Sequence[str]) -> None:
    """Check that a host that other machines can reach comes with the names under which they reach it.

    Raises:
        ConfigurationError: other machines can reach ``host``, and ``allowed_hosts`` is empty.
    """
    if not is_loopback(host) and not allowed_hosts:
        reach = f"host {host!r} can be reached from other machines"
        raise ConfigurationError(f"{reach}; say under which names in allowed_hosts=[...]")


def checked_docs_url(docs_url: str | None) -> str:
    """Return the path of the page that documents the routes; an empty text means no page.

    Raises:
        ConfigurationError: it is not a path of letters, digits, ``-``, ``_`` and ``.``.
    """
    docs_url = (docs_url or "").rstrip("/")
    if docs_url and not re.fullmatch(r"(/[\w.-]+)+", docs_url, re.ASCII):
        raise ConfigurationError(f"docs_url {docs_url!r} is no path such as '/docs'")
    return docs_url


def checked_log_level(level: str) -> str:
    """Return a log level that uvicorn knows.

    Raises:
        ConfigurationError: uvicorn has no such level.
    """
    if level not in LOG_LEVELS:
        raise ConfigurationError(f"uvicorn_log_level {level!r} is none of {', '.join(LOG_LEVELS)}")
    return level
