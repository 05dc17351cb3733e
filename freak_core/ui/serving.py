"""Serves ``freak ui`` in this process until it is told to end."""

import threading
from collections.abc import Callable
from pathlib import Path

from freak_core.addresses import link, reachable
from freak_core.errors import ConfigurationError
from freak_core.reach.forwarding import Forwarding
from freak_core.server.http import HttpServer
from freak_core.ui.app import create_app, create_routes
from freak_core.ui.listener import listen
from freak_core.ui.live_runs import LiveRuns
from freak_core.ui.running_ui import announce, token_of_home


class UiServer:
    """The server of ``freak ui``. Closed with ``close``.

    Args:
        host: the host name or address to listen on.
        port: the port; 0 for any that is free.
        tell: is called with a sentence before a connection to another machine.

    Attributes:
        url: where it is.
        link: the link to open in a browser, token included.

    Raises:
        PortTaken: another program has the port.
        ConfigurationError: nobody can listen on this host, or the token cannot be read or written.
    """

    def __init__(self, host: str, port: int, tell: Callable[[str], None]) -> None:
        listener = listen(host, port)
        try:
            port = listener.getsockname()[1]
            self.url = f"http://{reachable(host, ())}:{port}"
            try:
                token = token_of_home()
                self._file: Path = announce(self.url, token, port)
            except OSError as error:
                raise ConfigurationError(f"cannot keep the token of freak ui: {error}") from None
        except BaseException:
            listener.close()
            raise
        self.link = link(self.url, token)
        self._forwarding = Forwarding(tell)
        self._routes = create_routes(LiveRuns(self._forwarding))
        self._server = HttpServer(create_app(token, host, self._routes), listener, "warning")
        self._server.start()

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Return when the server has ended, or ``until`` returns True. A signal may raise out of it."""
        pause = threading.Event()
        while self._server.alive and not until():
            pause.wait(0.2)

    def close(self) -> None:
        """End: first the event streams, then the server and the connections to other machines."""
        self._file.unlink(missing_ok=True)
        self._routes.finish(2.0)
        self._server.stop(3.0)
        self._forwarding.close()
