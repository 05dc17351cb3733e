"""``freak ui``: one page over all runs, live or ended."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Annotated
from urllib.parse import quote

import typer

from freak_core.cli.browser import open_in_browser
from freak_core.cli.terminal import say, show
from freak_core.errors import PortTaken
from freak_core.ui.running_ui import DEFAULT_PORT, running


def ui(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="The port; 0 for any free one.")
    ] = DEFAULT_PORT,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="The host name or address to listen on.")
    ] = "127.0.0.1",
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    via: Annotated[
        str | None,
        typer.Option(
            "--via",
            metavar="MACHINE",
            help="Show the runs of another machine: start freak ui there with ssh, and forward a port.",
        ),
    ] = None,
    freak_there: Annotated[
        str,
        typer.Option(
            "--freak-there",
            metavar="PATH",
            help="With --via: where freak is there, if not in PATH.",
        ),
    ] = "freak",
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", help="End when standard input is closed.")
    ] = False,
) -> None:
    """Serve a page with all runs of this home folder, live and ended, until Ctrl-C; print its link.

    You steer live runs there; ended ones are read from their folders.
    """
    if via is not None:
        _serve_elsewhere(via, freak_there, host, port, no_open=no_open)
    else:
        until = _input_has_ended() if until_input_ends else _never
        serve_until_interrupted(host, port, "", no_open=no_open, until=until)


def _serve_elsewhere(machine: str, program: str, host: str, port: int, *, no_open: bool) -> None:
    from freak_core.ui.remote_ui import RemoteUi

    remote = RemoteUi(machine, program, host, port, say)
    with _until_interrupted(remote.close):
        tell(remote.link, "", no_open=no_open)
        remote.wait()


def _never() -> bool:
    return False


def _input_has_ended() -> Callable[[], bool]:
    """Return a function that tells whether standard input has ended."""
    ended = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(sys.stdin.fileno(), 1 << 12):
                pass
        ended.set()

    threading.Thread(target=read, name="freak-input", daemon=True).start()
    return ended.is_set


@contextlib.contextmanager
def _until_interrupted(close: Callable[[], None]) -> Iterator[None]:
    """Close in the end; a signal is how such a command ends."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        with contextlib.suppress(OSError):
            say("freak ui has ended")
    finally:
        close()


def serve_until_interrupted(
    host: str, port: int, page: str, *, no_open: bool, until: Callable[[], bool] = _never
) -> None:
    """Serve until a signal; if ``freak ui`` runs at this port already, only print its link.

    Args:
        host: where to listen.
        port: where to listen.
        page: the page to open, below the URL of the server.
        no_open: do not open a browser.
        until: also ends it.
    """
    from freak_core.ui.serving import UiServer  # here: FastAPI takes long to import

    try:
        server = UiServer(host, port, say)
    except PortTaken:
        found = running(port)
        if found is None:
            raise
        say("freak ui runs already")
        tell(found.link, page, no_open=no_open)
        return
    with _until_interrupted(server.close):
        tell(server.link, page, no_open=no_open)
        server.wait(until)


def page_of(run_id: str) -> str:
    """Return where the page of a run is, below the URL of ``freak ui``."""
    return f"runs/{quote(run_id, safe='')}/"


def with_page(link: str, page: str) -> str:
    """Return the link to a page of ``freak ui``."""
    url, _, fragment = link.partition("#")
    return f"{url}{page}#{fragment}"


def tell(link: str, page: str, *, no_open: bool) -> None:
    """Print the link to a page of ``freak ui``, and open it in a browser at a terminal."""
    whole = with_page(link, page)
    show(whole)
    if not no_open and sys.stdout.isatty() and "SSH_CONNECTION" not in os.environ:
        open_in_browser(whole)
