"""The application of ``freak ui``: its routes behind the same access control as those of a run."""

import secrets

from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException

from freak_core.server.api.access import LOOPBACK, Access
from freak_core.server.api.static_pages import Pages
from freak_core.server.app import Guard, http_error
from freak_core.ui.live_runs import LiveRuns
from freak_core.ui.page_files import PageFiles
from freak_core.ui.routes import Routes


def create_app(token: str, host: str, routes: Routes) -> FastAPI:
    """Return the application.

    Args:
        token: lets a client read and change.
        host: the host name or address that the server listens on; requests may name it.
        routes: the routes that need the token.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    nobody = secrets.token_urlsafe(32)  # there is no read-only token of freak ui
    access = Access(token, nobody, (*LOOPBACK, host.lower()))
    no_token = [Depends(access.same_site)]
    app.include_router(PageFiles().router, dependencies=no_token)
    app.include_router(Pages("/docs", "../../").router, prefix="/runs/{run_id}", dependencies=no_token)
    app.include_router(routes.router, dependencies=[Depends(access)])
    app.add_exception_handler(HTTPException, http_error)
    app.add_middleware(Guard, access=access)
    return app


def create_routes(live: LiveRuns) -> Routes:
    """Return the routes that need a token."""
    return Routes(live)
