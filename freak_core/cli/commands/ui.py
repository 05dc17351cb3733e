"""``freak ui``: one page over all runs, live or ended."""

import contextlib
import os
import sys
from typing import Annotated

import typer

from freak_core.cli.browser import open_in_browser
from freak_core.cli.terminal import say, show
from freak_core.errors import PortTaken
from freak_core.ui.place import DEFAULT_PORT, running


def ui(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="The port; 0 for any free one.")
    ] = DEFAULT_PORT,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="The host name or address to listen on.")
    ] = "127.0.0.1",
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
) -> None:
    """Serve a page with all runs of this home, live and ended, until Ctrl-C; print its link.

    A live run is steered from there, and an ended one is read from its folder.
    """
    serve_until_interrupted(host, port, "", no_open=no_open)


def serve_until_interrupted(host: str, port: int, page: str, *, no_open: bool) -> None:
    """Serve until a signal; if ``freak ui`` runs at this port already, only print its link.

    Args:
        host: where to listen.
        port: where to listen.
        page: the page to open, below the URL of the server.
        no_open: do not open a browser.
    """
    from freak_core.ui.serving import UiServer  # here: FastAPI takes long to import

    try:
        server = UiServer(host, port, say)
    except PortTaken:
        found = running(port)
        if found is None:
            raise
        say("freak ui runs already")
        _tell(found.link, page, no_open=no_open)
        return
    try:
        _tell(server.link, page, no_open=no_open)
        server.wait()
    except (KeyboardInterrupt, SystemExit):
        with contextlib.suppress(OSError):
            say("freak ui has ended")
    finally:
        server.close()


def _tell(link: str, page: str, *, no_open: bool) -> None:
    """Print a link, and open it in a browser at a terminal."""
    url, _, fragment = link.partition("#")
    whole = f"{url}{page}#{fragment}"
    show(whole)
    if not no_open and sys.stdout.isatty() and "SSH_CONNECTION" not in os.environ:
        open_in_browser(whole)
