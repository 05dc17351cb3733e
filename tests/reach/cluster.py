"""A cluster of two machines that share Freak's folder: a login node, and a compute node with a real sshd."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.allowed_skips import SSHD
from tests.nodes import ROOT, Node, two_nodes
from tests.waiting import eventually


class Cluster:
    """The two machines.

    Attributes:
        home: Freak's folder, which they share.
        ssh: a folder with ``config``, ``key`` and ``known_hosts`` of the user on the login node.
    """

    def __init__(self, folder: Path, login: Node, compute: Node, stack: ExitStack) -> None:
        self.login, self.compute = login, compute
        self.folder, self.home, self.ssh = folder, folder / "home", folder / "ssh"
        self._stack = stack
        self.ssh.mkdir(mode=0o700)
        for name in ("key", "host_key", "other_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.ssh / name)]
            subprocess.run(command, check=True, timeout=20)
        self.know_host("host_key")
        self.configure()
        self._start_sshd()
        programs = folder / "bin"
        programs.mkdir()
        wrapper = programs / "ssh"  # ssh reads the home folder of the user from the system, not from HOME
        wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F "{self.ssh}/config" "$@"\n')
        wrapper.chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("FREAK_", "SSH_"))},
            "FREAK_HOME": str(self.home),
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TMPDIR": str(self._made("tmp")),
        }

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        return path

    def know_host(self, key: str | None) -> None:
        """Write the file of known hosts, with a key of the compute node or without."""
        known = (self.ssh / f"{key}.pub").read_text() if key else ""
        (self.ssh / "known_hosts").write_text(f"{self.compute.name} {known}" if key else "")

    def configure(self, *more: str, key: str = "key") -> None:
        """Write the user's ssh configuration."""
        lines = [f"UserKnownHostsFile {self.ssh}/known_hosts", f"IdentityFile {self.ssh}/{key}", *more]
        (self.ssh / "config").write_text("Host *\n" + "\n".join(f"  {line}" for line in lines) + "\n")

    def _start_sshd(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)  # for the separation of privileges
        (self.ssh / "authorized_keys").write_text((self.ssh / "key.pub").read_text())
        options = {
            "HostKey": self.ssh / "host_key",
            "AuthorizedKeysFile": self.ssh / "authorized_keys",
            "PidFile": "none",
            "StrictModes": "no",  # the folder of the tests may belong to somebody else
            "PermitRootLogin": "yes",
            "UsePAM": "no",
            "LogLevel": "VERBOSE",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        self.sshd = self.start([SSHD, "-D", "-e", "-f", "/dev/null", *words], "sshd.log", os.environ)
        log = self.folder / "sshd.log"
        eventually(lambda: "Server listening" in log.read_text(), what="the start of sshd")

    def start(
        self, command: list[str], log: str, environment: "dict[str, str] | os._Environ[str]"
    ) -> subprocess.Popen[bytes]:
        """Start a program on the compute node, until the end of the cluster."""
        process = self.compute.run(command, dict(environment), self.folder / log)

        def end() -> None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)

        self._stack.callback(end)
        return process

    def program(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program of ours on the compute node; return when it is listed on the login node."""
        command = [sys.executable, "-m", "tests.reach.program", name]
        process = self.start(command, f"{name}.log", {**self.environment, **environment})
        eventually(lambda: name in self.freak("ls", "--no-ssh").stdout, what=f"the start of {name}")
        return process

    def freak(self, *arguments: str, code: int = 0, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run ``freak`` on the login node; it must exit with ``code``."""
        done = self.on_login(self.freak_command(*arguments), **environment)
        assert done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
        return done

    def freak_command(self, *arguments: str) -> list[str]:
        """Return the command line of ``freak``."""
        return [sys.executable, "-m", "freak_core.cli", *arguments]

    def on_login(self, command: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on the login node."""
        return self._run(self.login, command, environment)

    def on_compute(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command on the compute node."""
        return self._run(self.compute, command, {})

    def _run(
        self, node: Node, command: list[str], environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            node.inside(command),
            cwd=ROOT,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def accepted(self) -> int:
        """Return how many connections sshd has had so far."""
        return (self.folder / "sshd.log").read_text().count("Connection from ")

    def left_behind(self) -> list[str]:
        """Return the ssh that still run, and the temporary files, once they have had time to end."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = self.ssh_processes() + [str(path) for path in (self.folder / "tmp").iterdir()]
            if not found:
                break
            time.sleep(0.05)
        return found

    def ssh_processes(self) -> list[str]:
        """Return the command lines of the ssh that run with the user's configuration."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if line.startswith(("/usr/bin/ssh ", "ssh: ")) and str(self.folder) in line:
                    found.append(line)
        return found


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Make the cluster, and end everything in it."""
    with two_nodes(folder) as (login, compute), ExitStack() as stack:
        yield Cluster(folder, login, compute, stack)
