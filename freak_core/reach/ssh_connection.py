"""The ssh connection to another machine, with the user's own ssh program, configuration and agent.

All ``ssh -W`` to a machine share one connection: the user's own ``ControlMaster``, or that of the first.
"""

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, NamedTuple, cast

from freak_core.errors import Unreachable
from freak_core.reach.host_names import host_name
from freak_core.text.printable import one_line

LIMIT = 10.0
"""Seconds that a machine has to let us in and the run to answer there."""

AGAIN = 30.0
"""Seconds after which a machine that did not let us in is asked again; other runs there wait for nothing."""

SSH_FAILED = 255
"""The exit code of ssh where not the command has failed but the connection."""

_NOBODY_LISTENS = "open failed: connect failed"
_OPTIONS = (
    "BatchMode=yes",  # it never asks for a password, nor whether an unknown host key is right
    f"ConnectTimeout={LIMIT:.0f}",
    "ServerAliveInterval=15",  # without an answer it ends after 60 s, also if this process has been killed
    "ServerAliveCountMax=4",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
)
_HELLO = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
"""A request without a token. What is not HTTP closes the connection, which is an answer, too."""


class _Ssh(NamedTuple):
    """An ssh that runs, and the file that it writes its errors to."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def said(self) -> str:
        """Return the last lines that it has written to its standard error, as one line."""
        said = os.pread(self.errors.fileno(), 1 << 16, 0)  # seek() would move where ssh writes, too
        lines = said.decode("utf-8", "replace").splitlines()
        return "; ".join([one_line(line.strip()) for line in lines if line.strip()][-2:])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and what it has started, such as a ProxyCommand."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def end(self) -> None:
        """End it, by force after two seconds."""
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait(2)

    def close(self) -> None:
        """End it, and close the file."""
        self.end()
        self.errors.close()


class SshConnection:
    """The connection to one machine. Closed with ``close``.

    Args:
        host: the name of the machine, as its runs say it.
        folder: a folder that only this user can enter, for sockets.

    Raises:
        Unreachable: this is no name of a host, or ssh is not installed.
    """

    def __init__(self, host: str, folder: Path) -> None:
        self.host = host_name(host)
        program = shutil.which("ssh")
        if program is None:
            raise Unreachable("ssh is not installed: there is no program of this name in PATH")
        self._program = program
        self._control = folder / "master"
        self._options = [word for option in _OPTIONS for word in ("-o", option)]
        if not self._has_master():
            master = ("ControlMaster=auto", f"ControlPath={self._control}", "ControlPersist=no")
            self._options += [word for option in master for word in ("-o", option)]
        self._lock = threading.Lock()
        self._children: list[_Ssh] = []
        self._folder = folder
        self._closed = False
        self._refused: tuple[float, str] | None = None

    def _has_master(self) -> bool:
        """Whether the user's configuration shares connections to this host, or an open one is shared."""
        told = dict(line.partition(b" ")[::2] for line in self._ask("-G").stdout.splitlines())
        if told.get(b"controlpath", b"none") == b"none":
            return False
        return told.get(b"controlmaster", b"false") != b"false" or self._ask("-O", "check").returncode == 0

    def _ask(self, *question: str) -> "subprocess.CompletedProcess[bytes]":
        command = [self._program, *question, "--", self.host]
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return subprocess.CompletedProcess(command, 255, b"", b"")

    def start(self, target: str, end: socket.socket) -> None:
        """Start ``ssh -W target`` with a socket as its standard input and output.

        Raises:
            Unreachable: ssh cannot be started, or the connection was closed.
        """
        child = self._spawn(target, end)
        with self._lock:
            for each in [each for each in self._children if each.process.poll() is not None]:
                self._children.remove(each)
                each.errors.close()
            self._children.append(child)
        if self._closed:
            self.close()

    def run(self, command: str, wanted: "re.Pattern[str]", within: float) -> "RemoteProgram":
        """Start a command on the machine, and return it once it has printed what is wanted.

        Its standard input ends with this connection, also if this process is killed.

        Args:
            command: the command, quoted for a shell.
            wanted: what it prints on one line when it is ready.
            within: seconds that it has for this, once ssh is connected.

        Raises:
            Unreachable: the machine does not let us in, or the command does not print it in time.
        """
        arguments = [self._program, "-T", *self._options, "--", self.host, command]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            errors.close()
            raise Unreachable(f"ssh cannot be started: {error}") from error
        child = _Ssh(process, errors)
        with self._lock:
            self._children.append(child)
        return RemoteProgram(child, self.host, command, wanted, within)

    def check(self, target: str) -> socket.socket:
        """Connect once, and return the connection: others share it while it is open.

        Raises:
            Unreachable: the machine does not let us in, or nobody listens there, within ``LIMIT``.
        """
        refused = self._refused
        if refused is not None and time.monotonic() < refused[0]:
            raise Unreachable(refused[1])
        deadline = time.monotonic() + LIMIT
        here, there = socket.socketpair()
        with there:
            try:
                child = self._spawn(target, there)
            except BaseException:
                here.close()
                raise
        try:
            here.settimeout(LIMIT)
            if not _answers(here):
                self._unless_closed(child, deadline)
        except BaseException:  # Ctrl-C, too
            here.close()
            child.close()
            raise
        with self._lock:
            self._children.append(child)
        return here

    def _spawn(self, target: str, end: socket.socket) -> "_Ssh":
        command = [self._program, "-T", *self._options, "-W", target, "--", self.host]
        if self._closed:
            raise Unreachable(f"the connection to {self.host} is closed")
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - a master that persists keeps it open
        try:
            # In a session of its own: after Ctrl-C, the command may still ask the run about its request.
            process = subprocess.Popen(
                command, stdin=end.fileno(), stdout=end.fileno(), stderr=errors, start_new_session=True
            )
        except OSError as error:
            errors.close()
            raise Unreachable(f"ssh cannot be started: {error}") from error
        return _Ssh(process, errors)

    def _unless_closed(self, child: "_Ssh", deadline: float) -> None:
        """Raise ``Unreachable``, unless ssh has ended because the server has closed the connection."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, deadline - time.monotonic()))
        late = child.process.poll() is None
        if late and self._control.exists():
            raise Unreachable(
                f"ssh reaches {self.host}, but the run there does not answer within {LIMIT:g} s"
            )
        child.end()
        why = child.said()
        if late and not why:
            why = f"no answer within {LIMIT:g} s"
        if late or child.process.returncode != 0:
            why = why or f"it ended with exit code {child.process.returncode}"
            detail = f"ssh does not reach the run on {self.host}: {why}\n{_advice(why, self.host)}"
            if _NOBODY_LISTENS not in why:
                self._refused = time.monotonic() + AGAIN, detail
            raise Unreachable(detail)

    def close(self) -> None:
        """End every ssh of this connection. The user's own ``ControlMaster`` goes on."""
        with self._lock:
            self._closed = True
            children, self._children = self._children, []
        for child in children:
            child.signal(signal.SIGTERM)
        for child in children:
            child.close()


class RemoteProgram:
    """A program that ssh has started on another machine. It is closed with its connection.

    Attributes:
        said: what it has printed when it was ready.

    Raises:
        Unreachable: see ``SshConnection.run``.
    """

    def __init__(
        self, child: _Ssh, host: str, command: str, wanted: "re.Pattern[str]", within: float
    ) -> None:
        self._child = child
        self._host = host
        self._command = command
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, name="freak ssh output", daemon=True).start()
        self.said = self._until(wanted, time.monotonic() + LIMIT + within)

    def _read(self) -> None:
        """Read all that it prints, so that it never waits for a reader."""
        with contextlib.suppress(OSError, ValueError):
            for line in cast(IO[bytes], self._child.process.stdout):
                self._lines.put(line.decode("utf-8", "replace"))
        self._lines.put("")

    def _until(self, wanted: "re.Pattern[str]", deadline: float) -> str:
        with contextlib.suppress(queue.Empty):
            while line := self._lines.get(timeout=max(0.0, deadline - time.monotonic())):
                found = wanted.search(line)
                if found:
                    return found[0]
            self.check()
            self._child.process.wait(2)
            self.check()
        raise Unreachable(f"{self._command!r} on {self._host} is not ready in time")

    def check(self) -> None:
        """Check that it still runs.

        Raises:
            Unreachable: it has ended, or the connection to it.
        """
        code = self._child.process.poll()
        if code is None:
            return
        why = self._child.said() or f"exit code {code}"
        advice = _advice(why, self._host) if code == SSH_FAILED else f"The command was: {self._command}"
        raise Unreachable(f"the program that ssh started on {self._host} has ended: {why}\n{advice}")


def _answers(connection: socket.socket) -> bool:
    """Whether a server answers through a connection before it is closed, or times out."""
    with contextlib.suppress(OSError):
        connection.sendall(_HELLO)
        return connection.recv(1) != b""
    return False


def _advice(why: str, host: str) -> str:
    if "host key" in why.lower():
        return f"Freak accepts no host key for you. Log in once and compare the key: ssh {host}"
    if "Permission denied" in why or "authentication failures" in why:
        return (
            f"Freak asks for no password. This must work, with a key or an agent: ssh -o BatchMode=yes {host}"
        )
    if "administratively prohibited" in why:
        return f"The ssh server on {host} does not allow to forward ports (AllowTcpForwarding)."
    if _NOBODY_LISTENS in why:
        return "The ssh connection works, but no server answers there: the run has probably ended."
    if "stdio forwarding specification" in why:
        return "The run listens on a Unix socket, which ssh reaches this way from version 9.4 on."
    return f"Try it yourself: ssh -o BatchMode=yes {host}"
