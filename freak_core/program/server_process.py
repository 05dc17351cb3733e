"""The server process: started, talked to over its stdin and stdout, and started again if it dies."""

import contextlib
import fcntl
import functools
import io
import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from freak_core.messages import protocol
from freak_core.messages.protocol import Hello, Request
from freak_core.program.event_log import Feed

logger: logging.Logger = logging.getLogger("freak")

PATIENCE = 10.0
"""Seconds a server may leave its pipe full before it counts as hung and is replaced."""

LOG_LINES = 20
"""How many lines of the server's stderr are logged in one second."""

# The program's settings for its own interpreter, and its token: the server must not take them over.
_NOT_OURS = ("FREAK_TOKEN", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONPROFILEIMPORTTIME")


class Link:
    """Keeps one server process alive on a socket that the program has bound.

    The socket stays open in the program. So a new server has the same port, and requests that arrive in
    between wait for it.

    Args:
        listener: bound and listening.
        feed: the events that the server gets.
        hello: makes the first message to every new server process.
        answer: carries out one request; called on the link's thread, must not raise.
    """

    def __init__(
        self,
        listener: socket.socket,
        feed: Feed,
        hello: Callable[[], Hello],
        answer: Callable[[Request], None],
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
        """End the server within ``timeout`` seconds, killed at the worst, and free the port."""
        self._stopping.set()
        process, self._process = self._process, None
        if process is not None:
            _close(process.stdin)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._listener.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(0.2)

    def forget(self) -> None:
        """Close the pipes in a forked child: the server belongs to the parent."""
        self._stopping.set()
        process, self._process = self._process, None
        self._listener.close()
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                _close(stream)
            process.returncode = 0

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_OURS}
        environment["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # looking for them takes a tenth of the start
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
        # Above 2, also where the program has closed its own stdin and the socket got its number.
        descriptor = fcntl.fcntl(self._listener.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "freak_core.server", str(descriptor), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[descriptor],
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        os.set_blocking(cast(BinaryIO, process.stdin).fileno(), False)
        return process

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
        threading.Thread(target=log_stderr, args=(stderr,), name="freak-server-log", daemon=True).start()
        try:
            self._feed.connect(self._hello, functools.partial(_send, process))
            with io.BufferedReader(cast(io.RawIOBase, stdout)) as requests:
                for request in _requests(cast(BinaryIO, requests)):
                    self._answer(request)
        except (OSError, ValueError) as error:
            if not self._stopping.is_set():
                logger.warning("the link to Freak's server broke: %s", error)
        except BaseException:  # this thread serves the next server process
            logger.exception("the link to Freak's server broke")
        finally:
            process.kill()  # first, so that nobody is left writing to it
            process.wait()
            self._feed.connect(self._hello, None)
            for stream in (stdin, stdout):
                _close(stream)


def _requests(stream: BinaryIO) -> Iterator[Request]:
    """Yield the requests of a server; log any other line, such as one that an import has printed."""
    for line in stream:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if isinstance(message, dict) and message.get("type") == "request":
            yield cast(Request, message)
        elif line.strip():
            logger.warning("server: %s", line.decode("utf-8", "replace").rstrip())


def _send(process: subprocess.Popen[bytes], message: protocol.FromProgram) -> None:
    """Write a message to a server; kill it if it takes nothing for ``PATIENCE`` seconds.

    Raises:
        OSError: it is gone.
    """
    stream = cast(io.RawIOBase, process.stdin)
    view = memoryview(protocol.encode(message))
    try:
        _write(stream, view, process.kill)
    except ValueError as closed:  # another thread has closed the stream in between
        raise BrokenPipeError(str(closed)) from None


def _write(stream: io.RawIOBase, view: memoryview, give_up: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLOUT)
    while view:
        written = stream.write(view)
        view = view[written or 0 :]
        if written is None and not poll.poll(PATIENCE * 1000):
            give_up()
            raise TimeoutError("Freak's server takes no messages")


def _close(stream: object) -> None:
    with contextlib.suppress(OSError):
        if stream is not None:
            cast(BinaryIO, stream).close()


def log_stderr(stream: BinaryIO) -> None:
    """Log the server's stderr, at most ``LOG_LINES`` lines a second; the pipe must never fill up."""
    second, passed, left_out = 0, 0, 0
    with contextlib.suppress(OSError, ValueError), io.BufferedReader(cast(io.RawIOBase, stream)) as lines:
        for line in lines:
            if int(time.monotonic()) != second:
                _log_left_out(left_out)
                second, passed, left_out = int(time.monotonic()), 0, 0
            if passed < LOG_LINES:
                passed += 1
                logger.warning("server: %s", line.decode("utf-8", "replace").rstrip())
            else:
                left_out += 1
    _log_left_out(left_out)


def _log_left_out(lines: int) -> None:
    if lines:
        logger.warning("server: %d more lines, left out", lines)
