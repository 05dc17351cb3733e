"""Pages: what needs no token: health, and the files of the dashboard and of the documentation."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from freak_core.errors import NotFound
from freak_core.server.api.problems import Route

_HERE = Path(__file__).parents[1]
DASHBOARD = _HERE / "dashboard"
DOCS = _HERE / "docs"


class Pages:
    """Routes that anybody may read.

    Args:
        docs_url: where the documentation of the routes is; ``""`` for nowhere.
    """

    def __init__(self, docs_url: str) -> None:
        self._dashboard = {
            path.relative_to(DASHBOARD).as_posix(): path for path in DASHBOARD.rglob("*") if path.is_file()
        }
        self._docs = {path.name: path for path in DOCS.iterdir() if path.suffix in (".js", ".css")}
        self._docs_page = _docs_page(docs_url)
        self._dashboard_page = _dashboard_page(docs_url)
        self.router: APIRouter = APIRouter(route_class=Route, include_in_schema=False)
        add = self.router.add_api_route
        pages: dict[str, Callable[..., Any]] = {
            "/healthz": self.healthz,
            "/": self.dashboard,
            "/dashboard/{name:path}": self.dashboard_file,
        }
        if docs_url:
            pages |= {docs_url: self.docs, f"{docs_url}/{{name}}": self.docs_file}
        for path, page in pages.items():
            add(path, page, methods=["GET", "HEAD"])

    async def healthz(self) -> JSONResponse:
        """Say that the server is there, and nothing else."""
        return JSONResponse({"status": "ok"})

    async def dashboard(self) -> Response:
        """Return the dashboard."""
        return HTMLResponse(self._dashboard_page)

    async def dashboard_file(self, name: str) -> Response:
        """Return a file of the dashboard."""
        return _file(self._dashboard, name)

    async def docs(self) -> Response:
        """Return the page that shows ``openapi.json``."""
        return HTMLResponse(self._docs_page)

    async def docs_file(self, name: str) -> Response:
        """Return a file of that page."""
        return _file(self._docs, name)


def _file(files: dict[str, Path], name: str) -> Response:
    if name not in files:
        raise NotFound(f"there is no file {name!r} here")
    return FileResponse(files[name])


def _dashboard_page(docs_url: str) -> str:
    """Return the dashboard, which is told where the documentation is."""
    page = (DASHBOARD / "index.html").read_text()
    return page.replace("{docs}", escape(docs_url.removeprefix("/")))


def _docs_page(docs_url: str) -> str:
    """Return the page with URLs that are relative to where it is."""
    page = (DOCS / "index.html").read_text()
    up = "../" * (docs_url.count("/") - 1)
    return page.replace("{root}", up).replace("{files}", docs_url.rpartition("/")[2])
