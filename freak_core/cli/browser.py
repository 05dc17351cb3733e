"""Opens a link with a token in the browser of this machine."""

import contextlib
import html
import os
import sys
import webbrowser

from freak_core.ui.running_ui import write_page


def has_screen() -> bool:
    """Return whether a browser could be seen."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def redirect(link: str) -> str:
    """Return a page that redirects a browser to ``link``.

    A browser is started with such a page, since other users can see the arguments of a process.
    """
    return f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(link)}">'


def open_in_browser(link: str) -> None:
    """Open a link of ``freak ui`` in a browser, if there is a screen; without a browser, do nothing."""
    if has_screen():
        with contextlib.suppress(OSError):
            webbrowser.open(write_page("open.html", redirect(link)).as_uri())
