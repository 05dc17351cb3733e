"""The pages of ``freak ui``, which need no token: they hold nothing of a run."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from freak_core.errors import NotFound
from freak_core.server.api.problems import Route
from freak_core.server.api.static_pages import DASHBOARD, module_links

PAGES = Path(__file__).with_name("pages")
_SERVED = (".html", ".js", ".css")


class PageFiles:
    """The routes of the pages over all runs."""

    def __init__(self) -> None:
        self._files = _below(PAGES, "") | _below(DASHBOARD, "dashboard/")
        page = (PAGES / "index.html").read_text("utf-8")
        self._page = page.replace("{modules}", module_links(self._files, "page/app.js", "ui/"))
        self.router: APIRouter = APIRouter(route_class=Route, include_in_schema=False)
        self.router.add_api_route("/healthz", self.healthz, methods=["GET", "HEAD"])
        self.router.add_api_route("/", self.page, methods=["GET", "HEAD"])
        self.router.add_api_route("/ui/{name:path}", self.file, methods=["GET", "HEAD"])

    async def healthz(self) -> JSONResponse:
        """Say that the server runs, and nothing else."""
        return JSONResponse({"status": "ok"})

    async def page(self) -> Response:
        """Return the page over all runs."""
        return HTMLResponse(self._page)

    async def file(self, name: str) -> Response:
        """Return a file of the pages, or of the dashboard that they share modules with."""
        if name not in self._files:
            raise NotFound(f"there is no file {name!r}")
        return FileResponse(self._files[name])


def _below(folder: Path, prefix: str) -> dict[str, Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in _SERVED)
    return {prefix + path.relative_to(folder).as_posix(): path for path in files}
