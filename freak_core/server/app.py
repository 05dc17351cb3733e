"""The application: the routes behind access control, and every refusal as a problem document."""

from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from freak_core.errors import Refused, Rejected, refusal
from freak_core.server.access import LOOPBACK, Access
from freak_core.server.freak_v0 import FreakV0
from freak_core.server.mirror import Mirror
from freak_core.server.routes import Routes
from freak_core.wire import Message

DASHBOARD = Path(__file__).parent / "dashboard"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def mount_routes(app: FastAPI, mirror: Mirror, access: Access, prefix: str) -> None:
    """Mount every protected route into ``app``."""
    routes = Routes(mirror)
    for router in (routes.router, FreakV0(routes).router):
        app.include_router(router, prefix=prefix, dependencies=[Depends(access)])
    app.add_exception_handler(Refused, _refused)


def create_app(mirror: Mirror, hello: Message) -> FastAPI:
    """Return the whole application for a server process of our own."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    hosts = (*LOOPBACK, hello["host"].lower(), *(host.lower() for host in hello["allowed_hosts"]))
    access = Access(hello["token"], hello["read_token"], hosts)
    mount_routes(app, mirror, access, hello["prefix"])
    _mount_public(app, hello["prefix"])
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)

    app.add_middleware(Guard, access=access)
    return app


class Guard:
    """Checks Host and Origin of every request, also of public files, and adds the security headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""

        async def send_with_headers(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app
        try:
            self._access.check_origin(Request(scope))
        except Refused as refused:
            app = await _refused(Request(scope), refused)
        await app(scope, receive, send_with_headers)


def _mount_public(app: FastAPI, prefix: str) -> None:
    """Mount what needs no token: health, and the dashboard's static files."""

    @app.get(f"{prefix}/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    files = {path.name: path for path in DASHBOARD.iterdir() if path.is_file()}

    @app.get(f"{prefix}/")
    async def dashboard() -> Response:
        return FileResponse(files["index.html"])

    @app.get(f"{prefix}/dashboard/{{name}}")
    async def dashboard_file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, f"the dashboard has no file {name!r}")
        return FileResponse(files[name])


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return JSONResponse(error.problem(), error.status, headers, media_type="application/problem+json")


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    problem = {"type": "about:blank", "title": str(error.detail), "status": error.status_code}
    if error.status_code == 404:
        problem["detail"] = f"there is no route {request.method} {request.url.path}"
    return JSONResponse(problem, error.status_code, error.headers, media_type="application/problem+json")


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return await _refused(request, refusal({"status": Rejected.status, "detail": reasons}))
