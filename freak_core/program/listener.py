"""A Unix socket to serve at, which only this user can reach, instead of a port."""

import os
import socket
import stat
from pathlib import Path

from freak_core.errors import ConfigurationError, PortTaken


def checked_socket(path: str | os.PathLike[str] | None) -> Path | None:
    """Return the absolute path of a socket.

    Raises:
        ConfigurationError: it has a colon, which a URL of it could not hold.
    """
    if path is None or not str(path):
        return None
    if ":" in str(path) or "#" in str(path):
        raise ConfigurationError(f"the Unix socket {str(path)!r} must have no ':' and no '#' in its path")
    return Path(path).expanduser().absolute()


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
            listener.listen(128)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {path}: {error.strerror or error}") from error
    return listener


def socket_url(path: Path, prefix: str) -> str:
    """Return the URL by which a client reaches the socket."""
    return f"unix://{path}" + (f":{prefix}" if prefix else "")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        try:
            other.settimeout(1.0)
            other.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True
