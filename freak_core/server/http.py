"""The HTTP server: uvicorn on a bound socket, in a thread, where it installs no signal handlers."""

import logging
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from freak_core.server.connection_limits import ACCEPT_AT_ONCE, ImpatientProtocol, SparingListener

logger: logging.Logger = logging.getLogger("freak")


class HttpServer:
    """Serves ``app`` on ``listener`` until ``stop``.

    Args:
        app: the application.
        listener: a bound, listening socket; closed by ``stop``.
        log_level: uvicorn's log level.
        certificate: the files of a certificate and its key, for HTTPS.
        users_own: the app is the user's: its websockets and lifespan are served too, and connections have
            no limits of ours.
    """

    def __init__(
        self,
        app: FastAPI,
        listener: socket.socket,
        log_level: str,
        certificate: tuple[str, str | None] | None = None,
        *,
        users_own: bool = False,
    ) -> None:
        self._listener = listener if users_own else SparingListener(fileno=listener.detach())
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11" if users_own else ImpatientProtocol,
                ws="auto" if users_own else "none",
                loop="asyncio",
                lifespan="auto" if users_own else "off",
                log_level=log_level,
                access_log=False,
                ssl_certfile=certificate[0] if certificate else None,
                ssl_keyfile=certificate[1] if certificate else None,
                backlog=2048 if users_own else ACCEPT_AT_ONCE,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._run, name="freak-http", daemon=True)

    def start(self) -> None:
        """Start the thread that serves."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish the requests that are being answered and end, within ``timeout`` seconds."""
        self._server.should_exit = True
        deadline = time.monotonic() + timeout
        self._thread.join(timeout)
        if time.monotonic() >= deadline:
            self._server.force_exit = True
        self._listener.close()

    @property
    def connected(self) -> bool:
        """True while a client is connected, or has not been sent all of its last answer."""
        return bool(self._server.server_state.connections)

    @property
    def alive(self) -> bool:
        """True while the server serves."""
        return self._thread.is_alive()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])
