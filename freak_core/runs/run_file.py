"""The run file: how to reach a run, and a heartbeat that shows that the run is alive."""

import contextlib
import os
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from freak_core.addresses import is_loopback, link
from freak_core.runs.launcher_ids import launcher_ids
from freak_core.runs.process import Process, is_here, net_space, this_process
from freak_core.runs.run_folder import RUN_FILE, RunFolder, forget_tokens
from freak_core.runs.user_owned_file import is_private
from freak_core.text.strict_json import writable
from freak_core.text.timestamps import now

BEAT = 15.0
"""Seconds between two heartbeats. A heartbeat sets the time of the run file's last change."""


class Run(BaseModel):
    """What a run file says: how to reach the run, and which process it is."""

    id: str
    name: str
    url: str
    token: str = Field(repr=False)
    read_token: str | None = Field(default=None, repr=False)
    host: str
    pid: int
    pid_started: float | None = None
    pid_space: str | None = None
    net_space: str | None = None
    started_at: str
    journal: str | None = None
    ssl_certfile: str | None = None
    launcher: dict[str, str] = {}

    @property
    def process(self) -> Process:
        """The program's process."""
        return Process(self.host, self.pid_space, self.pid, self.pid_started)

    @property
    def near(self) -> bool:
        """True if the URL leads to the run from this machine, so that the token may be sent there."""
        address = urlsplit(self.url)
        reachable = address.scheme != "unix" and not is_loopback(address.hostname or "")
        same_network = self.net_space is None or address.scheme == "unix" or self.net_space == net_space()
        return reachable or (is_here(self.process) and same_network)

    @property
    def link(self) -> str:
        """The link to open in a browser, token included."""
        return link(self.url, self.token)

    def answers_to(self, wanted: str) -> bool:
        """Return True if ``wanted`` is the run's id or name, SLURM job, torchrun run or Kubernetes pod."""
        jobs = [self.launcher.get(name) for name in ("slurm_job", "torchrun", "kubernetes_pod")]
        return wanted in (self.id, self.name, *jobs)


class RunFile:
    """Writes the run file of this process, and its heartbeats. Never raises: a run goes on without them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.path: Path = RunFolder(run.id).run_file
        self._removed = False
        self._lock = threading.Lock()  # a heartbeat must not write the file again while it is removed
        self._write()

    def _write(self) -> None:
        self._beat_due = time.monotonic() + BEAT
        with contextlib.suppress(OSError):
            publish(self.run)

    def beat(self) -> None:
        """Send a heartbeat, if one is due; write the file again if somebody removed or opened it."""
        if self._removed or time.monotonic() < self._beat_due:
            return
        with self._lock, contextlib.suppress(OSError):
            if self._removed:
                return
            self._beat_due = time.monotonic() + BEAT
            try:
                if not is_private(self.path):
                    raise PermissionError  # nobody would believe it
                os.utime(self.path)
            except (FileNotFoundError, PermissionError):
                self._write()

    def remove(self) -> None:
        """Remove the file, and every other file that holds the token: the run has ended."""
        self._removed = True
        with self._lock, contextlib.suppress(OSError):
            forget_tokens(self.path)


def new_run(
    run_id: str, name: str, url: str, token: str, journal: Path | None, read_token: str | None = None
) -> Run:
    """Return what the run file of this process says."""
    process = this_process()
    return Run(
        id=run_id,
        name=name,
        url=url,
        token=token,
        read_token=read_token,
        host=process.host,
        pid=process.pid,
        pid_started=process.started,
        pid_space=process.space,
        net_space=net_space(),
        started_at=now(),
        journal=writable(str(journal.absolute())) if journal else None,
        launcher=launcher_ids(),
    )


def publish(run: Run) -> Path:
    """Write a run file; return its path.

    Raises:
        OSError: it cannot be written.
    """
    return RunFolder(run.id).write_secret(RUN_FILE, run.model_dump_json())
