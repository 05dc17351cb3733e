"""Forwards connections to runs on other machines, where that is allowed."""

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple, Self

from freak_core.errors import Unreachable
from freak_core.reach.kubernetes import PodForward
from freak_core.reach.ssh_forward import SshForward
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import RunFolder
from freak_core.runs.user_owned_file import is_private

FORBIDS = "FREAK_NO_SSH"
"""The environment variable that forbids it, unless it is empty or ``0``."""


class Endpoint(NamedTuple):
    """Where a client on this machine connects to, to reach the server of a run.

    Attributes:
        url: the URL to send requests to.
        socket: the Unix socket to connect to, in place of the host and port in the URL; None for none.
    """

    url: str
    socket: str | None = None


class Forwarding:
    """Forwards connections to runs on other machines until it is closed. Threads may share it.

    Args:
        tell: is called with a sentence before the first connection to each machine.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._machines: dict[str, _Machine] = {}
        self._end = weakref.finalize(self, _end, self._machines)  # also if nobody closes it

    def to(self, run: Run) -> Endpoint:
        """Return where to reach a run. A run that is near is reached directly.

        Raises:
            Unreachable: the machine cannot be reached or does not let us in, or it is forbidden.
        """
        if run.near:
            return Endpoint(run.url)
        _check(run)
        pod, namespace = (run.launcher.get(f"kubernetes_{name}") for name in ("pod", "namespace"))
        with self._lock:
            machine = self._machines.setdefault(f"{namespace}/{pod}" if pod else run.host, _Machine())
        with machine.lock:
            if machine.forward is None:
                machine.forward = PodForward(pod, namespace) if pod else SshForward(run.host)
                self._tell(
                    f"{machine.forward.connects}, to reach the run {run.name!r} (--no-ssh forbids this)"
                )
            return Endpoint(*machine.forward.to(run.url))

    def close(self) -> None:
        """End every connection."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


class _Machine:
    """A machine or pod, and what forwards connections to it; the lock keeps its connections to one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.forward: SshForward | PodForward | None = None


def _end(machines: dict[str, _Machine]) -> None:
    for machine in machines.values():
        if machine.forward is not None:
            machine.forward.close()


def forbidden() -> bool:
    """Return whether the environment forbids to connect to other machines."""
    return os.environ.get(FORBIDS, "").lower() not in ("", "0", "false", "no")


@contextlib.contextmanager
def forbidding() -> Iterator[None]:
    """Forbid it in this process, and in those that it starts."""
    before = os.environ.get(FORBIDS)
    os.environ[FORBIDS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORBIDS]
        else:
            os.environ[FORBIDS] = before


def _check(run: Run) -> None:
    """Check that a connection may be made because of what a run's file says.

    Raises:
        Unreachable: it is forbidden, another user can have written the file, or it leads to this machine.
    """
    if forbidden():
        raise Unreachable(
            f"the run {run.name!r} is on {run.host}; --no-ssh or {FORBIDS} forbids to connect there"
        )
    try:
        own = is_private(RunFolder(run.id).run_file)
    except OSError:
        own = False
    if not own:
        raise Unreachable(
            f"the run {run.name!r} is on {run.host}. Freak does not connect there: another user owns "
            "the file of the run, or may write it"
        )
    if run.host == socket.gethostname() and "kubernetes_pod" not in run.launcher:
        raise Unreachable(f"the run {run.name!r} is in a container or a network of its own on {run.host}")
