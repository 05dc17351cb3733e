"""Access: who may read and who may change. Everything is refused that is not allowed."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from freak_core.errors import AccessDenied, Unauthorized

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Access:
    """A dependency of every route: checks Host, Origin and the bearer token.

    Args:
        token: may read and change.
        read_token: may read.
        hosts: names under which the server may be addressed, ports left aside; ``None`` in the user's own
            app, whose Host header is the user's business.
    """

    token: str
    read_token: str
    hosts: Sequence[str] | None = LOOPBACK

    async def __call__(self, request: Request) -> None:
        """Let the request pass, and note who it is from.

        Raises:
            Unauthorized: 401, no token or a wrong one.
            AccessDenied: 403, a foreign host or page, or a token that may only read.
        """
        self.check_origin(request)
        request.state.by = self._who(request)

    async def same_site(self, request: Request) -> None:
        """Let a request without a token pass, unless a foreign host or page sends it."""
        self.check_origin(request)

    def check_origin(self, request: Request) -> None:
        """Refuse requests to a foreign name (DNS rebinding) and from other sites' pages.

        Raises:
            AccessDenied: 403.
        """
        host = request.headers.get("host", "")
        if self.hosts is not None and _name(f"//{host}") not in self.hosts:
            raise AccessDenied(f"the server is not known as {host!r}; name it in allowed_hosts=[...]")
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise AccessDenied("requests from pages of other sites are refused")
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _follows_link(
            request
        ):
            raise AccessDenied("requests from pages of other sites are refused")

    def _who(self, request: Request) -> str:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise Unauthorized("send the header 'Authorization: Bearer TOKEN'; the program printed the token")
        candidate = given.strip().encode("utf-8", "surrogateescape")
        owner = secrets.compare_digest(candidate, self.token.encode())
        reader = secrets.compare_digest(candidate, self.read_token.encode())
        if owner:
            return "owner"
        if not reader:
            raise Unauthorized("this token is not, or no longer, valid")
        if request.method not in _READING:
            raise AccessDenied("this token may read only")
        return "reader"


def _follows_link(request: Request) -> bool:
    """Whether a person follows a link, in a chat, say: a page opens, with no token, unseen by the other."""
    headers = request.headers
    opens = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return opens and request.method == "GET"


def _name(url: str) -> str:
    """Return the host name of a URL, without user and port; nothing where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # such as an open bracket
        return ""
