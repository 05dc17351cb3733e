"""Everything Freak raises or answers with.

    FreakError
    ├── ConfigurationError     what you passed to Freak cannot work
    │   └── PortTaken          the port you asked for is in use
    └── Refused                a request was not carried out; has an HTTP status and a problem document
        ├── Malformed          400  not JSON, or not a request Freak understands
        ├── Unauthorized       401  no token, or an invalid one
        ├── AccessDenied       403  the token may only read; a foreign host or origin
        ├── NotFound           404  no such path, action or receipt
        ├── RunOver            409  the run has ended, or takes no live changes
        ├── PatchTestFailed    409  a ``test`` of a JSON Patch found another value
        ├── Conflict           412  the state has moved on since the revision in If-Match
        │   └── ChangedMeanwhile 409  the program itself changed the value while the request was validated
        ├── TooLarge           413  the body is over the limit
        ├── UnsupportedMedia   415  the body is not JSON
        ├── Rejected           422  the change is not valid for this state
        ├── TooManyRequests    429  too many writes; ``retry_after`` says how long to wait
        ├── Failed             500  the program's own code raised while carrying the request out
        └── Unreachable        503  the program or its server does not answer

The server answers with the problem document (RFC 9457); the client raises the same class again.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias, TypedDict

MOST_ERRORS = 20
"""How many reasons a refusal lists; for the rest it has their number."""


class FreakError(Exception):
    """Base of every error of Freak."""


class ConfigurationError(FreakError):
    """What you passed to Freak cannot work; the message says what to change."""


class PortTaken(ConfigurationError):  # noqa: N818
    """The port you asked for is in use by another program."""


class FieldError(TypedDict):
    """One reason for a refusal. ``path`` is a JSON Pointer into the state, ``""`` for the whole state."""

    path: str
    type: str
    message: str


Problem: TypeAlias = dict[str, Any]
"""A problem document of RFC 9457, as JSON."""


class Refused(FreakError):  # noqa: N818
    """A request was not carried out.

    Args:
        detail: what is wrong and what to do, in a sentence.
        errors: the reasons, one per field; beyond the first 20, only their number is kept.
        receipt: the receipt of the refused request, where one was written.
        retry_after: seconds after which trying again makes sense.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        receipt: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors: list[FieldError] = _first(errors)
        self.receipt = receipt
        self.retry_after = retry_after

    def __str__(self) -> str:
        reasons = [f"{error['path'] or '/'}: {error['message']}" for error in self.errors]
        return "\n  ".join([self.detail, *reasons])

    def problem(self) -> Problem:
        """Return the RFC 9457 problem document of this refusal."""
        document: Problem = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        if self.receipt is not None:
            document["receipt"] = self.receipt
        if self.retry_after is not None:
            document["retry_after"] = self.retry_after
        return document


def _first(errors: Sequence[FieldError]) -> list[FieldError]:
    if len(errors) <= MOST_ERRORS + 1:  # a last line would take as much room as one more reason
        return list(errors)
    more = FieldError(path="", type="more", message=f"and {len(errors) - MOST_ERRORS} more")
    return [*errors[:MOST_ERRORS], more]


class Malformed(Refused):
    """400: not JSON, or not a request Freak understands."""

    title: ClassVar[str] = "Malformed request"


class Unauthorized(Refused):
    """401: no token, or an invalid one."""

    status: ClassVar[int] = 401
    title: ClassVar[str] = "A token is needed"


class AccessDenied(Refused):
    """403: the token may only read, or the request comes from a foreign host or origin."""

    status: ClassVar[int] = 403
    title: ClassVar[str] = "Not allowed"


class NotFound(Refused):
    """404: no such path, action or receipt."""

    status: ClassVar[int] = 404
    title: ClassVar[str] = "Not found"


class RunOver(Refused):
    """409: the run has ended, or takes no live changes."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "The run takes no changes"


class PatchTestFailed(Refused):
    """409: a ``test`` of a JSON Patch found another value."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "A test of the patch failed"


class Conflict(Refused):
    """412: the state has moved on since the revision named in If-Match."""

    status: ClassVar[int] = 412
    title: ClassVar[str] = "The state has changed"


class ChangedMeanwhile(Conflict):
    """409: the program itself changed the value while the request was validated, twice."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "Changed meanwhile"


class TooLarge(Refused):
    """413: the body is over the limit."""

    status: ClassVar[int] = 413
    title: ClassVar[str] = "Too large"


class UnsupportedMedia(Refused):
    """415: the body is not JSON."""

    status: ClassVar[int] = 415
    title: ClassVar[str] = "JSON is needed"


class Rejected(Refused):
    """422: the change is not valid for this state."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "Not valid"


class TooManyRequests(Refused):
    """429: too many writes; ``retry_after`` says how long to wait."""

    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many requests"


class Failed(Refused):
    """500: the program's own code raised. A change is taken back; what an action did until then stays."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Failed in the program"


class Unreachable(Refused):
    """503: the program or its server does not answer.

    ``key`` is the Idempotency-Key of a client's request: sent again with it, the request is carried out once.
    """

    status: ClassVar[int] = 503
    title: ClassVar[str] = "Not reachable"
    key: str | None = None


_KINDS: list[type[Refused]] = Refused.__subclasses__()
_BY_STATUS = {kind.status: kind for kind in reversed(_KINDS)}
_BY_TITLE = {kind.title: kind for kind in _KINDS}


def refusal(problem: Problem) -> Refused:
    """Return the error that a problem document describes."""
    status = int(problem.get("status", 400))
    kind = _BY_TITLE.get(str(problem.get("title")), Refused)
    if kind.status != status:
        kind = _BY_STATUS.get(status, Refused)
    return kind(
        str(problem.get("detail") or problem.get("title") or "refused"),
        errors=problem.get("errors") or (),
        receipt=problem.get("receipt"),
        retry_after=problem.get("retry_after"),
    )


def described(error: BaseException) -> str:
    """Return the type and the message of an exception, such as ``ValueError: boom``; never raises."""
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001  the program's own class
        message = ""
    return f"{type(error).__name__}: {message}".removesuffix(": ")[:1000]
