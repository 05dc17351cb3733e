"""The page of another machine on a port of this one: ``freak ui`` is started there over ssh.

It listens on a loopback address there, and ends with the ssh that has started it.
"""

import asyncio
import contextlib
import re
import shlex
import socket
import threading
from collections.abc import Callable

from freak_core.addresses import link, reachable, token_in
from freak_core.errors import ConfigurationError, Unreachable
from freak_core.reach.forwarding import FORBIDS, forbidden
from freak_core.reach.host_names import host_name
from freak_core.reach.ssh_forward import SshForward
from freak_core.ui.listener import listen

LINK = re.compile(r"http://127\.0\.0\.1:\d{1,5}/#token=[\w-]{20,200}")
"""What ``freak ui`` prints there. A shell's start files may print other lines before it."""

START_WITHIN = 60.0
"""Seconds that ``freak ui`` has to start there, once ssh is connected: a file server may be slow."""

_PIECE = 1 << 16


class RemoteUi:
    """``freak ui`` of another machine. Closed with ``close``.

    Args:
        machine: the name of the machine, as ssh knows it.
        program: what ``freak`` is called there.
        host: the host name or address to listen on here.
        port: the port here; 0 for any that is free.
        tell: is called with a sentence before the connection.

    Attributes:
        link: the link to open in a browser of this machine.

    Raises:
        Unreachable: ssh does not let us in, ``freak ui`` does not start there, or it is forbidden.
        ConfigurationError: this is no name of a machine, or the port is taken.
    """

    def __init__(self, machine: str, program: str, host: str, port: int, tell: Callable[[str], None]) -> None:
        try:
            host_name(machine)
        except Unreachable:
            raise ConfigurationError(
                f"--via {machine!r} is not the name of a host; a user or a port belongs into ~/.ssh/config"
            ) from None
        if forbidden():
            raise Unreachable(f"--no-ssh or {FORBIDS} forbids to connect to {machine}")
        listener = listen(host, port)
        try:
            self._forward = SshForward(machine)
            tell(f"{self._forward.connects}, to start freak ui there (--no-ssh forbids this)")
            try:
                command = shlex.join([program, "ui", "--no-open", "--port", "0", "--until-input-ends"])
                self._remote = self._forward.start(command, LINK, START_WITHIN)
                url, token = token_in(self._remote.said)
                self._relay = _Relay(listener, self._forward.to(url.rstrip("/"))[1])
            except BaseException:
                self._forward.close()
                raise
        except BaseException:
            listener.close()
            raise
        self.link = link(f"http://{reachable(host, ())}:{listener.getsockname()[1]}", token)

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Return when ``until`` returns True. A signal may raise out of it.

        Raises:
            Unreachable: ``freak ui`` there, or the connection to it, has ended.
        """
        pause = threading.Event()
        while not until():
            self._remote.check()
            pause.wait(0.2)

    def close(self) -> None:
        """End ``freak ui`` there, and every connection."""
        self._relay.close()
        self._forward.close()


class _Relay:
    """Passes the connections to a port of this machine on to a Unix socket."""

    def __init__(self, listener: socket.socket, path: str) -> None:
        self._listener = listener
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), name="freak-relay", daemon=True
        )
        self._thread.start()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass, sock=self._listener)
        await self._end.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_unix_connection(self._path)
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.close()
                writer.close()

    def close(self) -> None:
        """Close the port and its connections."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(2.0)
        self._listener.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the end of one direction, and say so in the other one."""
    while data := await source.read(_PIECE):
        target.write(data)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
