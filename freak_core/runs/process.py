"""A process: which one it is, and whether it still runs, for whoever only has its number."""

import functools
import os
import socket
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process, told from another one that got the same number later or in another container.

    ``space`` names the boot and the PID namespace within which ``pid`` means something; ``started`` is in
    clock ticks since boot. Both are None where the system does not tell.
    """

    host: str
    space: str | None
    pid: int
    started: float | None

    def runs(self) -> bool | None:
        """Whether it runs; None where that cannot be seen from here."""
        if (self.host, self.space) != (socket.gethostname(), pid_space()):
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        if self.started is None:
            return None  # some process has that number
        return started(self.pid) == self.started


def this_process() -> Process:
    """Return the process that calls."""
    return Process(socket.gethostname(), pid_space(), os.getpid(), started(os.getpid()))


def is_here(process: Process) -> bool:
    """Whether a process is, or was, on this machine; two machines may share a name."""
    boots = [(space or "").partition("/")[0] for space in (process.space, pid_space())]
    return process.host == socket.gethostname() and boots[0] == boots[1]


def started(pid: int) -> float | None:
    """Return when a process was started, in clock ticks since boot; None for one that is gone or unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else float(fields[19])
    except (OSError, IndexError, ValueError):
        return None


@functools.cache
def pid_space() -> str | None:
    """Return a name for this boot and PID namespace: two containers may share a host name, and a home."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None
