"""The link: starts the server process, talks to it over its stdin and stdout, starts it again if it dies."""

import contextlib
import io
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, cast

from freak_core import wire
from freak_core.feed import Feed
from freak_core.wire import Message

logger = logging.getLogger("freak")


class Link:
    """Keeps one server process alive on a socket that the program has bound.

    The socket stays open here, so a server that is started again has the same port and no request that
    arrives in between is refused.

    Args:
        listener: bound and listening.
        feed: what the server is told.
        hello: makes the first message to every new server process.
        answer: carries out one request; called on the link's thread, must not raise.
    """

    def __init__(
        self,
        listener: socket.socket,
        feed: Feed,
        hello: Callable[[], Message],
        answer: Callable[[Message], None],
    ) -> None:
        self._listener = listener
        self._feed = feed
        self._hello = hello
        self._answer = answer
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="freak-link", daemon=True)

    @property
    def pid(self) -> int | None:
        """The server's process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the server process; does not wait until it answers."""
        self._process = self._spawn()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the server within ``timeout`` seconds and free the port; more than once is fine."""
        self._stopping.set()
        process, self._process = self._process, None
        if process is not None:
            _close(process.stdin)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout)
        self._listener.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def forget(self) -> None:
        """Let go of the server in a forked child, where it is not ours."""
        self._stopping.set()
        process, self._process = self._process, None
        self._listener.close()
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                _close(stream)
            process.returncode = 0

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key != "FREAK_TOKEN"}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        descriptor = self._listener.fileno()
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "freak_core.server", str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=[descriptor],
            env=environment,
            start_new_session=True,
        )

    def _keep_alive(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            process = self._process
            if process is None:
                return
            started = time.monotonic()
            self._talk(process)
            if self._stopping.is_set():
                return
            if time.monotonic() - started > 10:
                pause = 0.1
            logger.warning("Freak's server process ended; starting it again on the same port")
            self._stopping.wait(pause)
            pause = min(2 * pause, 30.0)
            self._restart()

    def _restart(self) -> None:
        try:
            process = self._spawn()
        except (OSError, ValueError) as error:
            if not self._stopping.is_set():
                logger.warning("Freak cannot start its server process: %s", error)
            return
        self._process = process
        if self._stopping.is_set():
            process.kill()
            process.wait()

    def _talk(self, process: subprocess.Popen[bytes]) -> None:
        """Serve one server process until it is gone."""
        stdin, stdout, stderr = (cast(BinaryIO, s) for s in (process.stdin, process.stdout, process.stderr))
        threading.Thread(target=_log, args=(stderr,), name="freak-server-log", daemon=True).start()
        try:
            self._feed.connect(self._hello, lambda message: wire.write(stdin, wire.encode(message)))
            with io.BufferedReader(cast(io.RawIOBase, stdout)) as requests:
                for request in wire.read(cast(BinaryIO, requests)):
                    self._answer(request)
        except (OSError, ValueError) as error:
            if not self._stopping.is_set():
                logger.debug("the link to Freak's server broke: %s", error)
        finally:
            with contextlib.suppress(OSError):
                self._feed.connect(self._hello, None)
            _close(stdin)
            process.kill()
            process.wait()


def _close(stream: object) -> None:
    with contextlib.suppress(OSError):
        if stream is not None:
            cast(BinaryIO, stream).close()


def _log(stream: BinaryIO) -> None:
    """Pass the server's stderr to the program's logger, so that it never fills up."""
    with contextlib.suppress(OSError, ValueError), io.BufferedReader(cast(io.RawIOBase, stream)) as lines:
        for line in lines:
            logger.warning("server: %s", line.decode("utf-8", "replace").rstrip())
