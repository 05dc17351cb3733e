"""Ports of this machine that ``kubectl port-forward`` connects to a pod."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from freak_core.errors import Unreachable
from freak_core.reach.host_names import pod_name
from freak_core.text.printable import one_line

LIMIT = 10.0
"""Seconds that kubectl has to open the port."""

_PORT = re.compile(rb"^Forwarding from 127\.0\.0\.1:(\d{1,5}) ", re.MULTILINE)
_UNTIL_END_OF_INPUT = (
    'exec 3<&0; "$@" </dev/null 3<&- & child=$!; (cat <&3 >/dev/null; kill "$child") & wait "$child"'
)
"""kubectl runs until the standard input of this shell ends, which it also does if this process is killed."""


class PodForward:
    """Forwards connections to one pod.

    Args:
        pod: the name of the pod.
        namespace: its namespace; None for the current one.

    Attributes:
        connects: says what it does, as the beginning of a sentence.

    Raises:
        Unreachable: this is no name of a pod, or kubectl is not installed.
    """

    def __init__(self, pod: str, namespace: str | None) -> None:
        self.connects = f"connecting to the pod {pod_name(pod)} with kubectl port-forward"
        program = shutil.which("kubectl")
        if program is None:
            raise Unreachable(
                f"kubectl, which could reach the pod {pod}, is not installed: it is not in PATH"
            )
        scope = [f"--namespace={pod_name(namespace)}"] if namespace else []
        self._command = [program, "port-forward", *scope, "--address=127.0.0.1", f"pod/{pod}"]
        self._ports: dict[int, _Port] = {}

    def to(self, url: str) -> tuple[str, None]:
        """Return the URL of this machine that leads to a server of the pod, and no socket.

        Args:
            url: the URL of the server in the pod.

        Raises:
            Unreachable: kubectl does not open a port.
        """
        address = urlsplit(url)
        if address.scheme == "unix" or address.port is None:
            raise Unreachable(f"kubectl cannot forward {url}")
        found = self._ports.get(address.port)
        if found is None or not found.running:
            if found is not None:
                found.close()
            found = self._ports[address.port] = _Port([*self._command, f":{address.port}"])
        return f"{address.scheme}://127.0.0.1:{found.port}{address.path}", None

    def close(self) -> None:
        """End kubectl."""
        for each in self._ports.values():
            each.close()


class _Port:
    """A port of this machine, and the kubectl that has it.

    Raises:
        Unreachable: kubectl does not open it within ``LIMIT``.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _UNTIL_END_OF_INPUT, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"kubectl cannot be started: {error}") from error
        try:
            self.port = self._opened()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> int:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            ended = not self.running
            said = self._all_said()
            found = _PORT.search(said)
            if found:
                return int(found[1])
            if ended:
                break
            time.sleep(0.05)
        lines = [one_line(line) for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        why = "; ".join(lines[-3:]) or f"it opened no port within {LIMIT:g} s"
        raise Unreachable(f"kubectl could not reach the pod: {why}")

    def _all_said(self) -> bytes:
        return os.pread(self._said.fileno(), 1 << 16, 0)  # seek() would move where kubectl writes, too

    @property
    def running(self) -> bool:
        """Whether kubectl still runs."""
        return self._shell.poll() is None

    def close(self) -> None:
        """End kubectl."""
        if self._shell.stdin is not None:
            with contextlib.suppress(OSError):
                self._shell.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGTERM)
        try:
            self._shell.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait(2)
        self._said.close()
