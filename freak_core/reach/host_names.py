"""Names of hosts, pods and sockets from run files: checked before they go into a command."""

import re

from freak_core.errors import Unreachable

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_POD = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_SOCKET = re.compile(r"/[\w./@+,=-]{1,200}")


def host_name(name: str) -> str:
    """Return the name of a host, if it is one: letters, digits, ``.``, ``-`` and ``_``, no ``-`` in front.

    Raises:
        Unreachable: it is not, and may be an option or a command of its own.
    """
    return _checked(_HOST, name, "the name of a host")


def pod_name(name: str) -> str:
    """Return the name of a pod or namespace, if it is one.

    Raises:
        Unreachable: it is not.
    """
    return _checked(_POD, name, "the name of a Kubernetes pod or namespace")


def socket_path(path: str) -> str:
    """Return the path of a Unix socket, if ssh takes it for nothing else.

    Raises:
        Unreachable: it does not begin with ``/`` or has odd characters.
    """
    return _checked(_SOCKET, path, "a path of a Unix socket that ssh can forward")


def _checked(pattern: re.Pattern[str], name: str, what: str) -> str:
    if pattern.fullmatch(name) is None:
        raise Unreachable(f"{name!r} in the run's file is not {what}; nothing was started with it")
    return name
