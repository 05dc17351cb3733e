"""The routes that need no token: health, and the files of the dashboard and of the documentation."""

import posixpath
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from freak_core.errors import NotFound
from freak_core.server.api.problems import Route

_HERE = Path(__file__).parents[1]
DASHBOARD = _HERE / "dashboard"
DOCS = _HERE / "docs"

_IMPORT = re.compile(r'^(?:import|export) (?:[^"]+ from )?"(\.[^"]+)";', re.MULTILINE)


class Pages:
    """The routes that need no token.

    Args:
        docs_url: the path of the documentation of the routes; ``""`` for none.
        list_url: the relative URL of the list of all runs, in ``freak ui``; ``""`` for none.
    """

    def __init__(self, docs_url: str, list_url: str = "") -> None:
        self._dashboard = {
            path.relative_to(DASHBOARD).as_posix(): path for path in DASHBOARD.rglob("*") if path.is_file()
        }
        self._docs = {path.name: path for path in DOCS.iterdir() if path.suffix in (".js", ".css")}
        self._docs_page = _docs_page(docs_url)
        modules = module_links(self._dashboard, "page/app.js", "dashboard/")
        self._dashboard_page = _dashboard_page(docs_url, list_url, modules)
        self.router: APIRouter = APIRouter(route_class=Route, include_in_schema=False)
        add = self.router.add_api_route
        pages: dict[str, Callable[..., object]] = {
            "/healthz": self.healthz,
            "/": self.dashboard,
            "/dashboard/{name:path}": self.dashboard_file,
        }
        if docs_url:
            pages |= {docs_url: self.docs, f"{docs_url}/{{name}}": self.docs_file}
        for path, page in pages.items():
            add(path, page, methods=["GET", "HEAD"])

    async def healthz(self) -> JSONResponse:
        """Say that the server runs, and nothing else."""
        return JSONResponse({"status": "ok"})

    async def dashboard(self) -> Response:
        """Return the dashboard."""
        return HTMLResponse(self._dashboard_page)

    async def dashboard_file(self, name: str) -> Response:
        """Return a file of the dashboard."""
        return _file(self._dashboard, name)

    async def docs(self) -> Response:
        """Return the documentation: a page that shows ``openapi.json``."""
        return HTMLResponse(self._docs_page)

    async def docs_file(self, name: str) -> Response:
        """Return a file of the documentation."""
        return _file(self._docs, name)


def _file(files: dict[str, Path], name: str) -> Response:
    if name not in files:
        raise NotFound(f"there is no file {name!r}")
    return FileResponse(files[name])


def _dashboard_page(docs_url: str, list_url: str, modules: str) -> str:
    """Return the dashboard with a link to the documentation, and one to the list of all runs."""
    page = (DASHBOARD / "index.html").read_text("utf-8").replace("{modules}", modules)
    return page.replace("{docs}", escape(docs_url.removeprefix("/"))).replace("{list}", escape(list_url))


def module_links(files: Mapping[str, Path], entry: str, prefix: str) -> str:
    """Return what has a browser load all modules of a page at once, and not one after the other.

    Args:
        files: the files of the page, by their names.
        entry: the name of the module that the page begins with.
        prefix: what stands before the names in the page's URLs.
    """
    names = [entry]
    for name in names:
        imported = _IMPORT.findall(files[name].read_text("utf-8"))
        found = [posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in imported]
        names += [each for each in dict.fromkeys(found) if each not in names]
    return "\n".join(f'<link rel="modulepreload" href="{prefix}{escape(name)}">' for name in names)


def _docs_page(docs_url: str) -> str:
    """Return the documentation with relative URLs: a prefix or a tunnel may stand before them."""
    page = (DOCS / "index.html").read_text("utf-8")
    up = "../" * (docs_url.count("/") - 1)
    return page.replace("{root}", up).replace("{files}", docs_url.rpartition("/")[2])
