"""Addresses: where a server is, as a URL and as the link to open in a browser."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

DEFAULT_PORT = 4444
"""The port that a server takes if it is free."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reachable(host: str, allowed_hosts: Sequence[str]) -> str:
    """Return the name to put into a URL for a server that listens on ``host``."""
    if host in ("0.0.0.0", "::") and allowed_hosts:  # noqa: S104 - all addresses have no name of their own
        return allowed_hosts[0]
    host = "127.0.0.1" if host == "localhost" else host  # what is bound: the name may also mean ::1
    return f"[{host}]" if ":" in host else host


def served_at(
    host: str, port: int | None, prefix: str, *, allowed_hosts: Sequence[str] = (), uds: Path | None = None
) -> str:
    """Return the URL of a server that listens on the Unix socket ``uds``, else on ``host`` and ``port``."""
    if uds is not None:
        return socket_url(uds, prefix)
    return f"http://{reachable(host, allowed_hosts)}:{port or DEFAULT_PORT}{prefix}"


def socket_url(path: Path, prefix: str) -> str:
    """Return the URL of a server that listens on the Unix socket at ``path``."""
    return f"unix://{path}" + (f":{prefix}" if prefix else "")


def link(url: str, token: str) -> str:
    """Return the link to open in a browser. The token is in its fragment, which browsers never send."""
    return f"{url}{'' if url.startswith('unix:') else '/'}#token={quote(token, safe='')}"


def token_in(link: str) -> tuple[str, str]:
    """Return a link without its fragment, and the token of the fragment; ``""`` for none."""
    url, _, fragment = link.partition("#token=")
    return url, unquote(fragment.partition("&")[0])
