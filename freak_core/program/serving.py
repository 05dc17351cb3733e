"""Serving: the server process of a state under control, or the routes in the user's own app."""

import contextlib
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freak_core.program.call_thread import CallThread
from freak_core.program.event_log import Feed
from freak_core.program.request_handler import Responder
from freak_core.program.server_process import Link
from freak_core.runs.restart import forget, leave
from freak_core.runs.run_file import Run, RunFile
from freak_core.runs.tunnel import announce

if TYPE_CHECKING:
    from fastapi import FastAPI

    from freak_core.server.embedded import EmbeddedMirror
    from freak_core.server.http import HttpServer


class Serving:
    """Starts and ends the server of one state under control.

    Args:
        feed: the events of the program.
        responder: carries out requests.
        callers: the threads that call functions of the program, if it applies requests at once.
        app: the user's own app, if the routes go into it.
    """

    def __init__(
        self, feed: Feed, responder: Responder, callers: Sequence[CallThread], app: "FastAPI | None"
    ) -> None:
        self._feed = feed
        self._callers = callers
        self._responder = responder
        self._app = app
        self._link: Link | None = None
        self._http: HttpServer | None = None
        self._mirror: EmbeddedMirror | None = None
        self._socket_file: Path | None = None
        self._run_file: RunFile | None = None

    @property
    def started(self) -> bool:
        """Whether a server was started here. A user may serve their app by other means."""
        return self._link is not None or self._http is not None

    @property
    def pid(self) -> int | None:
        """The process id of the server process, while it runs."""
        return self._link.pid if self._link is not None else None

    def mount(self) -> None:
        """Mount the routes into the user's app, if there is one; an app that has them keeps them.

        Raises:
            ConfigurationError: another program's, which still runs.
        """
        if self._app is not None:
            from freak_core.server.embedded import mount

            self._mirror = mount(self._app, self._responder)
            self._feed.connect(self._responder.hello, self._mirror.receive)

    def start(
        self,
        listener: socket.socket,
        log_level: str,
        run: Run,
        certificate: tuple[str, str | None] | None = None,
    ) -> None:
        """Serve on a bound socket: in a process of its own, or the user's app in a thread of this one.

        ``run`` is written to the run file, by which others find the server. With a ``certificate`` and its
        key the server speaks HTTPS.
        """
        self._socket_file = Path(listener.getsockname()) if listener.family == socket.AF_UNIX else None
        try:
            if self._app is not None:
                from freak_core.server.http import HttpServer

                http = HttpServer(self._app, listener, log_level, certificate, users_own=True)
                http.start()
                self._http = http
            else:
                self._link = Link(listener, self._feed, self._responder.hello, self._responder.answer)
                self._link.start()
            self._run_file = RunFile(run)
            leave(run)
            self._feed.on_idle.append(self._run_file.beat)
            announce(run)
        except BaseException:
            self._end_server()
            listener.close()
            raise

    def stop(self, *, well: bool = True) -> None:
        """Send the remaining events, end the server and free the port within 2.5 seconds.

        ``well`` says that the run has ended well: torchrun does not start it again.
        """
        for caller in self._callers:
            caller.close()
        if well and self._run_file is not None:
            forget(self._run_file.run.id)
        began = time.monotonic()
        if not self._feed.flush(0.6):
            self._feed.hasten()
            self._feed.flush(0.2)
        if self._link is not None:
            # Before the feed: while a hung server blocks it, nothing is journalled. The server still writes
            # down how the run ended; one that has just been started has to import itself first.
            self._link.stop(max(0.8, 1.5 - (time.monotonic() - began)))
            self._link = None
        self._feed.close(0.5)
        if self._mirror is not None:
            self._mirror.end()
        self._end_server()

    def _end_server(self) -> None:
        link, http, run_file, socket_file = self._link, self._http, self._run_file, self._socket_file
        self._link = self._http = self._run_file = self._socket_file = None
        if link is not None:
            link.stop(0.8)
        if http is not None:
            http.stop(1.0)
        if run_file is not None:
            run_file.remove()
        if socket_file is not None:
            with contextlib.suppress(OSError):
                socket_file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Close the server's pipes in a forked child: the server belongs to the parent."""
        if self._link is not None:
            self._link.forget()
        if self._mirror is not None:
            self._mirror.forked = True
        self._link = self._http = self._socket_file = self._run_file = None
