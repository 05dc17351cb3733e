"""Local sockets that lead to servers of another machine, through ssh.

Each connection to such a socket becomes the standard input and output of one ``ssh -W``. So ssh ends when the
connection does, also if this process is killed.
"""

import contextlib
import re
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from freak_core.addresses import is_loopback
from freak_core.errors import Unreachable
from freak_core.reach.host_names import socket_path
from freak_core.reach.ssh_connection import RemoteProgram, SshConnection

_LONGEST = 60
"""Characters of the folder for temporary files, at most: the path of a Unix socket may have 104."""


class SshForward:
    """Forwards connections to one machine.

    Args:
        host: the name of the machine.

    Attributes:
        connects: says what it does, as the beginning of a sentence.

    Raises:
        Unreachable: this is no name of a host, or ssh is not installed.
    """

    def __init__(self, host: str) -> None:
        self.connects = f"connecting to {host} with ssh"
        where = "/tmp" if len(tempfile.gettempdir()) > _LONGEST else None  # noqa: S108 - its mode is 0700
        self._folder = Path(tempfile.mkdtemp(prefix="freak-", dir=where))
        try:
            self._connection = SshConnection(host, self._folder)
        except BaseException:
            self._folder.rmdir()
            raise
        self._sockets: dict[str, _LocalSocket] = {}

    def to(self, url: str) -> tuple[str, str]:
        """Return the URL for requests to a server of the machine, and the local socket that leads to it.

        Args:
            url: the URL of the server on its machine.

        Raises:
            Unreachable: the machine does not let us in, or no server answers there.
        """
        target = _target(url)
        found = self._sockets.get(target)
        if found is None:
            path = self._folder / f"{len(self._sockets)}.sock"
            found = self._sockets[target] = _LocalSocket(self._connection, target, path)
        prefix = urlsplit(url).path.partition(":")[2]
        return (f"http://localhost{prefix}" if url.startswith("unix:") else url), str(found.path)

    def start(self, command: str, wanted: "re.Pattern[str]", within: float) -> RemoteProgram:
        """Start a command on the machine; see ``SshConnection.run``."""
        return self._connection.run(command, wanted, within)

    def close(self) -> None:
        """Close the sockets and end ssh."""
        for each in self._sockets.values():
            each.close()
        self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _LocalSocket:
    """A Unix socket whose connections lead to a server of another machine.

    Raises:
        Unreachable: see ``SshConnection.check``.
    """

    def __init__(self, connection: SshConnection, target: str, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._target = target
        self._first = connection.check(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._serve, name="freak ssh", daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:  # closed
                return
            with end, contextlib.suppress(Unreachable):
                self._connection.start(self._target, end)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self._first.close()


def _target(url: str) -> str:
    """Return what ``ssh -W`` connects to.

    Raises:
        Unreachable: the URL is no address of the machine itself.
    """
    address = urlsplit(url)
    if address.scheme == "unix":
        return socket_path(address.path.partition(":")[0])
    host = address.hostname or ""
    if not is_loopback(host) or address.port is None:
        raise Unreachable(
            f"{url!r} in the run's file is no address of its machine; nothing was started with it"
        )
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
