"""A process: which one it is, and whether it still runs. A later process may get the same number."""

import functools
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psutil


class Process(NamedTuple):
    """A process of some machine or container.

    Attributes:
        host: the name of its machine.
        space: the boot and the PID namespace in which ``pid`` is unique; None if the system does not say.
        pid: its process id.
        started: when it started, in clock ticks since boot on Linux, in seconds since the epoch elsewhere;
            None if unknown.
    """

    host: str
    space: str | None
    pid: int
    started: float | None

    def is_running(self) -> bool | None:
        """Return True if the process runs, False if it has ended or is a zombie.

        None means that it cannot be seen from here: it is on another machine or in another container, or
        it cannot be told from a later process with the same number.
        """
        import psutil  # here: it takes 10 ms, and importing Freak does not need it

        if (self.host, self.space) != (socket.gethostname(), pid_space()):
            return None
        try:
            process = psutil.Process(self.pid)
            if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return False
            started = _started(process)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return None
        return None if self.started is None else started == self.started


def this_process() -> Process:
    """Return the process that calls."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """Return the process of this machine with a number."""
    import psutil

    try:
        return _named(psutil.Process(pid))
    except (psutil.Error, OSError):  # a system without /proc tells nothing
        return Process(socket.gethostname(), pid_space(), pid, None)


def launcher_that_sets(variable: str) -> Process | None:
    """Return the launcher that has set a variable of the environment for this process; None if it is not set.

    It is the nearest ancestor that was started without the variable: scripts may lie in between.
    """
    if not os.environ.get(variable):
        return None
    import psutil

    try:
        ancestors = psutil.Process().parents()
        return next((_named(each) for each in ancestors if not each.environ().get(variable)), None)
    except (psutil.Error, OSError, RuntimeError):  # it cannot be told
        return None


def _named(process: "psutil.Process") -> Process:
    import psutil

    try:
        started = _started(process)
    except (psutil.Error, OSError, RuntimeError):  # no /proc: runs are told by their heartbeat
        started = None
    return Process(socket.gethostname(), pid_space(), process.pid, started)


def is_here(process: Process) -> bool:
    """Return True if a process is, or was, on this machine. Two machines may have the same name."""
    boots = [(space or "").partition("/")[0] for space in (process.space, pid_space())]
    return process.host == socket.gethostname() and boots[0] == boots[1]


def _started(process: "psutil.Process") -> float:
    """Return when a process started, the same number however often the system's clock is set."""
    import psutil

    if not psutil.LINUX:
        return process.create_time()
    # Linux counts from boot. psutil adds the time of the boot, which moves when the clock is set, and which
    # older versions remember. The name of a program, in parentheses, may have blanks and parentheses.
    fields = Path(f"/proc/{process.pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return float(fields[19])


def net_space() -> str | None:
    """Return a name for this boot and network namespace; a loopback address leads nowhere else."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        return f"{boot}/{Path('/proc/self/ns/net').readlink()}"
    except OSError:
        return None


@functools.cache
def pid_space() -> str | None:
    """Return a name for this boot and PID namespace, or None where the system has no such names.

    Two containers may share a host name and a home. psutil knows neither boots nor namespaces.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None
