"""The socket that a server listens on: bound in the program, so that a taken port is known at once."""

import errno
import os
import socket
import stat
from pathlib import Path

from freak_core.addresses import DEFAULT_PORT
from freak_core.errors import ConfigurationError, PortTaken

BACKLOG = 1024
"""Connections that wait until the server process accepts them, as while it starts."""


def bind(host: str, port: int | None) -> socket.socket:
    """Return a listening socket on ``host``; without a ``port`` on 4444 or the next free one.

    Raises:
        PortTaken: the port asked for is in use.
        ConfigurationError: the host is not an address of this machine.
    """
    address = "127.0.0.1" if host == "localhost" else host
    candidates = [*range(DEFAULT_PORT, DEFAULT_PORT + 100), 0] if port is None else [port]
    for candidate in candidates:
        try:
            return _listen(address, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or candidate == candidates[-1]:
                raise _explained(host, candidate, error) from error
    raise AssertionError("unreachable: the last candidate is returned or raised")


def _listen(address: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _explained(host: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} on {host} is in use; choose another, or none to take the next free one"
        )
    return ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}")


def bind_socket(path: Path) -> socket.socket:
    """Return a listening socket at ``path``, in a folder for this user only; replaces a dead one.

    Raises:
        PortTaken: somebody listens there.
        ConfigurationError: others can reach the folder, or there can be no socket of this name.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.parent.stat()
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise ConfigurationError(
                f"{path.parent} must be a folder of yours with mode 0700, for its socket"
            )
        if path.is_socket():
            if _answers(path):
                raise PortTaken(f"somebody listens at {path} already; choose another path")
            path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {path}: {error.strerror or error}") from error
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        try:
            other.settimeout(1.0)
            other.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True
