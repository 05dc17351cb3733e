"""Small programs under remote control, run as real processes, and what the tests ask of them."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx

from freak_core import Client
from freak_core.runs.journal import read_journal
from tests.waiting import eventually

SERVER = b"freak_core.server"

PREAMBLE = """
import json, logging, os, signal, sys, threading, time
from pydantic import BaseModel, Field
from freak_core import control

logging.basicConfig(stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")

class State(BaseModel):
    lr: float = Field(default=0.1, gt=0)
    left: int = 0
    right: int = 0
    text: str = ""

def say(**facts):
    print(json.dumps(facts), flush=True)

def hear():
    return sys.stdin.readline().strip()

def begin(**options):
    freak = control(state, port=0, name="faulty", **options)
    say(link=freak.link, journal=str(freak.journal_path), server=freak.server_pid)
    return freak

state = State()
"""


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def thread_states(pid: int) -> list[str]:
    """Return the states of a process's threads, as the kernel tells them."""
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return [stat.read_text().rpartition(")")[2].split()[0] for stat in stats]


def children_of(pid: int) -> dict[int, str]:
    """Return the children of a process with their states, zombies (``"Z"``) included."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found[int(folder.name)] = fields[0]
    return found


def port_is_free(port: int) -> bool:
    """Whether one can listen on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
            return True
    return False


class Program:
    """A script that runs under remote control; ``with Program(...) as program:`` leaves nothing behind.

    Args:
        body: the script, after a preamble that defines ``state``, ``begin``, ``say`` and ``hear``.
        home: its ``FREAK_HOME``.
    """

    def __init__(self, body: str, home: Path, **environment: str) -> None:
        script = home / "program.py"
        script.write_text(PREAMBLE + textwrap.dedent(body))
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FREAK_")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(script)],
            env={**inherited, "FREAK_HOME": str(home), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._facts: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.errors: list[str] = []
        self._readers = [threading.Thread(target=reader) for reader in (self._read, self._read_errors)]
        for thread in self._readers:
            thread.start()
        self.pid = self._process.pid
        self.home = home
        self.link, self.journal, self.server, self.port = "", Path(), 0, 0
        self._clients: list[Any] = []

    def __enter__(self) -> Self:
        try:
            facts = self.hear()
        except AssertionError:
            self.__exit__()
            raise
        self.link, self.journal, self.server = facts["link"], Path(facts["journal"]), facts["server"]
        self.port = httpx.URL(self.link).port or 0
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        for pid in {self.server, self.pid, *children_of(self.pid)} - {0, None}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(10)
        for thread in self._readers:
            thread.join(10)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    # -- talking ---------------------------------------------------------------------------------

    def hear(self, within: float = 20.0) -> dict[str, Any]:
        """Return what the program says next."""
        try:
            facts = self._facts.get(timeout=within)
        except queue.Empty:
            raise AssertionError(f"the program said nothing within {within} s:\n{self.error_text}") from None
        assert facts is not None, f"the program ended:\n{self.error_text}"
        return facts

    def say(self, line: str = "") -> None:
        """Give the program a line on its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program alone; return from SIGSTOP when no thread of it runs any more."""
        os.kill(self.pid, number)
        if number == signal.SIGSTOP:
            eventually(lambda: set(thread_states(self.pid)) == {"T"}, what="standing still")

    def wait(self, within: float = 10.0) -> int:
        """Return the exit status once the program has ended."""
        return self._process.wait(within)

    @property
    def complaints(self) -> str:
        """What is on stderr besides where the run is."""
        lines = self.error_text.splitlines()
        return "\n".join(line for line in lines if not line.startswith("Freak controls"))

    @property
    def error_text(self) -> str:
        """What the program wrote to stderr so far."""
        return "".join(self.errors)

    # -- asking the server -----------------------------------------------------------------------

    def client(self, timeout: float = 15.0) -> Client:
        """Return a client, closed at the end."""
        client = Client(self.link, timeout=timeout)
        self._clients.append(client)
        return client

    def http(self, timeout: float = 15.0) -> httpx.Client:
        """Return a plain HTTP client with the token, closed at the end."""
        url, _, token = self.link.partition("#token=")
        headers = {"Authorization": f"Bearer {token}"}
        http = httpx.Client(base_url=url, headers=headers, timeout=timeout, trust_env=False, verify=False)
        self._clients.append(http)
        return http

    def ready(self) -> httpx.Client:
        """Return a plain HTTP client once the server answers."""
        http = self.http()
        assert http.get("healthz").status_code == 200
        return http

    def servers(self) -> set[int]:
        """Return the server processes that the program has now."""
        return {pid for pid, state in children_of(self.pid).items() if state != "Z" and is_server(pid)}

    def journalled(self) -> list[dict[str, Any]]:
        """Return the receipts in the journal."""
        return [entry for entry in read_journal(self.journal) if "id" in entry]

    def gone(self, within: float = 2.5) -> None:
        """Fail unless the server leaves and its port is free in time, counted from now."""
        deadline = time.monotonic() + within
        eventually(lambda: not alive(self.server), within, "the server leaving")
        eventually(lambda: port_is_free(self.port), deadline - time.monotonic(), "freeing the port")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                self._facts.put(json.loads(line))
        self._facts.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors.extend(self._process.stderr)


def is_server(pid: int) -> bool:
    """Whether a process is a server of ours."""
    try:
        return SERVER in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def all_servers() -> Iterator[int]:
    """Yield every server process on this machine, of whatever program."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and is_server(int(folder.name)):
            yield int(folder.name)
