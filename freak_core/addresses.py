"""The address to serve at: bound in the program, so that a taken port is known at once."""

import contextlib
import errno
import ipaddress
import re
import socket
from collections.abc import Sequence

from freak_core.errors import ConfigurationError, PortTaken

DEFAULT_PORT = 4444


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int | None) -> socket.socket:
    """Return a listening socket on ``host``; without a ``port`` on 4444 or the next free one.

    Raises:
        PortTaken: the port asked for is in use.
        ConfigurationError: the host is not an address of this machine.
    """
    address = "127.0.0.1" if host == "localhost" else host
    if port is not None:
        try:
            return _listen(address, port)
        except OSError as error:
            raise _explained(host, port, error) from error
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + 100):
        with contextlib.suppress(OSError):
            return _listen(address, candidate)
    try:
        return _listen(address, 0)
    except OSError as error:
        raise _explained(host, 0, error) from error


def _listen(address: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(128)
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


def checked_prefix(prefix: str | None) -> str:
    """Return a path prefix without a slash at its end.

    Raises:
        ConfigurationError: it does not begin with a slash.
    """
    prefix = (prefix or "").rstrip("/")
    if prefix and not prefix.startswith("/"):
        raise ConfigurationError(f"prefix {prefix!r} must begin with a slash")
    return prefix


def checked_port(port: int | str | None) -> int | None:
    """Return a port as a number.

    Raises:
        ConfigurationError: it is none.
    """
    if port is None or str(port) == "":
        return None
    if not re.fullmatch("[0-9]{1,5}", str(port)) or int(port) > 65535:
        raise ConfigurationError(f"port {port!r} is not a number from 0 to 65535")
    return int(port)


def checked_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the names under which a server may be reached.

    Raises:
        ConfigurationError: it is one text instead of a list.
    """
    if isinstance(hosts, str):
        raise ConfigurationError(f"allowed_hosts={hosts!r} is no list; write allowed_hosts=[{hosts!r}]")
    return tuple(hosts)


def reachable(host: str, allowed_hosts: Sequence[str]) -> str:
    """Return the name to put into a URL for a server that listens on ``host``."""
    if host in ("0.0.0.0", "::") and allowed_hosts:  # noqa: S104 - all addresses have no name of their own
        return allowed_hosts[0]
    return f"[{host}]" if ":" in host else host
