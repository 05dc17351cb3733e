"""The port that ``freak ui`` listens on."""

import contextlib
import errno
import ipaddress
import socket

from freak_core.errors import ConfigurationError, PortTaken


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        PortTaken, ConfigurationError: another program has the port, or nobody can listen there.
    """
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_unspecified:
            raise ConfigurationError(
                f"--host {host} would let requests in under any name; give the one name or address "
                "under which you open the page"
            )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        taken = PortTaken if error.errno == errno.EADDRINUSE else ConfigurationError
        raise taken(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port with --port"
        ) from None
