"""Access: which requests may read, which may change. Everything else is refused."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request

from freak_core.errors import AccessDenied, Unauthorized
from freak_core.server.connection_shares import Who

LOOPBACK = ("127.0.0.1", "localhost", "::1")
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Access:
    """Checks Host, Origin and the bearer token of a request; a dependency of every route.

    Args:
        token: lets a client read and change.
        read_token: lets a client read.
        hosts: the host names, without ports, that a request may name; None in the user's own app, where
            any may be named.
    """

    token: str = field(repr=False)
    read_token: str = field(repr=False)
    hosts: Sequence[str] | None = LOOPBACK

    async def __call__(self, request: Request) -> None:
        """Accept a request with a token; ``request.state.by`` is then ``"owner"`` or ``"reader"``.

        Raises:
            Unauthorized: 401, no token or an invalid one.
            AccessDenied: 403, a foreign host or page, or a write with the read-only token.
        """
        self.check_origin(request)
        who = self._who(request)
        request.state.by = who
        connection = getattr(request.state, "connection", None)  # none in the user's own app
        if connection is not None:
            connection.belongs_to(who)

    async def same_site(self, request: Request) -> None:
        """Accept a request without a token, unless it names a foreign host or comes from a foreign page."""
        self.check_origin(request)

    def check_origin(self, request: Request) -> None:
        """Refuse a request that names a foreign host (DNS rebinding) or comes from another site's page.

        Raises:
            AccessDenied: 403, it does.
        """
        host = request.headers.get("host", "")
        if self.hosts is not None and _name(f"//{host}") not in self.hosts:
            raise AccessDenied(
                f"the Host header names {host!r}, which is not allowed; add it to allowed_hosts=[...]"
            )
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise AccessDenied("requests from pages of other sites are refused")
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _follows_link(
            request
        ):
            raise AccessDenied("requests from pages of other sites are refused")

    def whose(self, request: Request) -> Who | None:
        """Return whose token a request has; None for no token or an invalid one."""
        candidate = _token(request).encode("utf-8", "surrogateescape")
        owner = secrets.compare_digest(candidate, self.token.encode())
        reader = secrets.compare_digest(candidate, self.read_token.encode())
        return "owner" if owner else "reader" if reader else None

    def _who(self, request: Request) -> Who:
        if not _token(request):
            raise Unauthorized("send the header 'Authorization: Bearer TOKEN'; the program printed the token")
        who = self.whose(request)
        if who is None:
            raise Unauthorized("the token is not valid: it may be of an earlier run")
        if who == "reader" and request.method not in READING:
            raise AccessDenied("this token is read-only")
        return who


def _token(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _follows_link(request: Request) -> bool:
    """Return True if a person follows a link: that page needs no token, and no other page sees it."""
    headers = request.headers
    opens = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return opens and request.method == "GET"


def _name(url: str) -> str:
    """Return the host name of a URL, without user and port; empty if it has none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # such as an open bracket
        return ""
