"""Problem documents (RFC 9457): what a refused request is answered with."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders

from freak_core.errors import Refused, Rejected
from freak_core.server.api.json_response import JSONResponse

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def secure(headers: MutableHeaders) -> None:
    """Add the security headers."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


class Route(APIRoute):
    """A route that answers refusals itself: the user's app may treat exceptions in its own way."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except Refused as refused:
                response = refusal_response(refused)
            except RequestValidationError as invalid:
                response = refusal_response(_rejected(invalid))
            secure(response.headers)
            return response

        return answer


def refusal_response(refused: Refused) -> JSONResponse:
    """Return the answer that says why a request was refused."""
    headers = {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refused.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refused.retry_after)))
    return problem_response(refused.problem(), refused.status, headers)


def problem_response(problem: Mapping[str, object], status: int, headers: dict[str, str]) -> JSONResponse:
    """Return the answer with a problem document."""
    return JSONResponse(problem, status, headers, media_type="application/problem+json")


def _rejected(invalid: RequestValidationError) -> Rejected:
    reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in invalid.errors())
    return Rejected(reasons)
