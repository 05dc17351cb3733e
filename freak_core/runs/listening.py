"""Who listens on a port of this machine. A token goes to its run and to nobody else."""

import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from freak_core.addresses import is_loopback
from freak_core.errors import Unreachable
from freak_core.runs.live_runs import list_runs
from freak_core.runs.process import Process
from freak_core.runs.run_file import Run

_LISTEN = "0A"


class Socket(NamedTuple):
    """A listening socket: the user whose it is, and its number in the system."""

    uid: int
    inode: int


class ListenerCheck:
    """Checks before each new connection that the server at a loopback URL is still the right one.

    Args:
        url: the URL.
        uid: the user who must listen there. Default: who does at the first connection.

    Attributes:
        run: the run that is served there, where a run file tells.
    """

    def __init__(self, url: str, uid: int | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._checked = parts.scheme != "unix" and is_loopback(self._host)
        self._uid = uid
        self.run: Run | None = None

    def __call__(self) -> None:
        """Check who listens. Where the system does not tell, as on macOS, nothing is checked.

        Raises:
            Unreachable: somebody else listens; nothing was sent there.
        """
        found = set(listening(self._host, self._port)) if self._checked else set()
        if not found:
            return
        uids = {each.uid for each in found}
        if self.run is None:
            right = self._uid is None or uids == {self._uid}
            self._uid = next(iter(uids)) if self._uid is None else self._uid
        else:
            right = uids <= {0, os.geteuid()} and self._is_run(self.run, found)
        if not right:
            where = f"{self._host}:{self._port}"
            raise Unreachable(f"another program listens at {where} by now; it got no request and no token")

    def _is_run(self, run: Run, found: set[Socket]) -> bool:
        """Return whether the run has one of the sockets, or the one that torchrun started in its place."""
        if _serves(run.process, found):
            return True
        again = (each for each in list_runs() if (each.url, each.token) == (run.url, run.token))
        self.run = next((each for each in again if _serves(each.process, found)), run)
        return self.run is not run


def listening(host: str, port: int) -> Iterator[Socket]:
    """Yield the sockets that get the connections to a port of this machine; none if the system tells none."""
    try:
        addresses = {each[4][0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        return
    for address in map(ipaddress.ip_address, addresses):
        wide = {ipaddress.ip_address("::" if address.version == 6 else "0.0.0.0")}  # noqa: S104
        own = list(_table("tcp6" if address.version == 6 else "tcp", port))
        exact = [found for at, found in own if at == address]
        if exact:  # reading a table takes milliseconds
            yield from exact
            continue
        if address.version == 4:
            own += _table("tcp6", port)
            wide |= {ipaddress.ip_address("::")}
        yield from [found for at, found in own if at == address] or [f for at, f in own if at in wide]


def _table(name: str, port: int) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, Socket]]:
    """Yield the sockets of ``/proc/net/tcp`` or ``tcp6`` that listen on a port, each with its address."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/net", name).read_text("ascii").splitlines():
            if f":{port:04X} " not in line:
                continue
            fields = line.split()
            address, _, listens_on = fields[1].partition(":")
            if fields[3] == _LISTEN and int(listens_on, 16) == port:
                words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
                # each word is in the byte order of the machine
                at = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
                yield getattr(at, "ipv4_mapped", None) or at, Socket(int(fields[7]), int(fields[9]))


def _serves(process: Process, sockets: set[Socket]) -> bool:
    """Whether a process has one of the sockets, or it cannot be told."""
    running = process.is_running()
    if running is None:
        return True
    names = {f"socket:[{each.inode}]" for each in sockets}
    try:
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if str(descriptor.readlink()) in names:
                    return True
    except OSError:
        return running
    return False
